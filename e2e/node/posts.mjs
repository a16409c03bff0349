// Runs the statements of a file twice, and shows what a query gives of id and text. Usage: node posts.mjs [FILE QUERY].
import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const [file = "posts.sql", query = "SELECT id, text FROM posts ORDER BY id"] = process.argv.slice(2);
const db = await (await DuckDBInstance.create(":memory:")).connect();
const statements = readFileSync(file, "utf8").split(/;\s*\n/).filter((s) => s.trim());
for (const one of [...statements, ...statements]) await db.run(one);
for (const row of (await db.runAndReadAll(query)).getRowObjectsJson()) console.log(`${row.id} ${row.text}`);
