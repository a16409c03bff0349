// Runs statements as the command of that name does. Usage: node duckdb.mjs FILE [-c SQL] [< STATEMENTS]. Of the last statement it prints a row as a line of JSON.
import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const [file, , sql = readFileSync(0, "utf8")] = process.argv.slice(2);
const db = await (await DuckDBInstance.create(file)).connect();
const statements = await db.extractStatements(sql);
for (let i = 0; i < statements.count; i++) {
  const result = await (await statements.prepare(i)).runAndReadAll();
  if (i === statements.count - 1) for (const row of result.getRowObjectsJson()) console.log(JSON.stringify(row));
}
