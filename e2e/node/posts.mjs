// Runs posts.sql twice on posts.jsonl, and shows the table.
import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const db = await (await DuckDBInstance.create(":memory:")).connect();
const statements = readFileSync("posts.sql", "utf8").split(/;\s*\n/).filter((s) => s.trim());
for (const one of [...statements, ...statements]) await db.run(one);
for (const row of (await db.runAndReadAll("SELECT id, text FROM posts ORDER BY id")).getRowObjectsJson()) console.log(`${row.id} ${row.text}`);
