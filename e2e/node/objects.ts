// Sends a file and fetches it again with the npm package, and reads the object that the daemon makes of it with the official
// @nats-io/obj. Usage: node objects.js NATS_URL ACCOUNT. It prints one line per step and exits non-zero where one fails.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { jetstream } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { connect, headers } from "@nats-io/transport-node";
import { call, CallError, download, upload } from "natsgram";

const [url = "", account = ""] = process.argv.slice(2);
const nc = await connect({ servers: url, timeout: 10_000 });
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("base64url");

// A file of several ranges, the last of which is not a whole one. Its name is not ASCII, which @nats-io/obj takes in metadata alone.
const data = randomBytes((20 << 20) + 5);
const name = "фильм.док";
const film = await upload(nc, account, name, new Blob([data], { type: "video/mp4" }));
const media = { _: "inputMediaUploadedDocument", file: film } as const; // its type and name the daemon finds
const sent = await call(nc, account, "messages.sendMedia", { peer: "me", message: "a film", media });
assert(sent._ === "updates");
const id = sent.updates.find((u) => u._ === "updateMessageID")?.id ?? 0;
const message = { peer: "me", id };
console.log("sent:", id);

// What the daemon writes into the object store, the official client reads, and its digest is that of the bytes.
let file: { bucket: string; object: string; digest: string } | undefined;
while (!file) {
  const reply = await nc.request(`tg.file.${account}.get`, JSON.stringify({ message, to: "object" }), { timeout: 60_000 });
  assert.equal(reply.headers?.get("Nats-Service-Error") ?? "", "");
  file = reply.json<{ file: typeof file }>().file; // else a job that is at work: the same again waits again
}
const store = await new Objm(jetstream(nc)).open(file.bucket);
const object = await store.get(file.object);
assert(object);
const chunks: Uint8Array[] = [];
for await (const chunk of object.data as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
assert.equal((await object.error) ?? undefined, undefined); // it checks the digest
assert(data.equals(Buffer.concat(chunks)));
assert.equal(object.info.size, data.length);
assert.equal(object.info.digest.replace(/=+$/, ""), `SHA-256=${sha256(data)}`);
assert.equal(file.digest, object.info.digest);
assert.deepEqual([object.info.metadata?.name, object.info.metadata?.mime_type], [name, "video/mp4"]);
console.log("object:", object.info.digest);

// Range by range: to a loop, to a file, to a stream, more than once, and from where an earlier attempt was.
const dir = await mkdtemp(join(tmpdir(), "natsgram-"));
const got = await download(nc, account, { message });
assert.deepEqual([got.name, got.size, got.mime_type], [name, data.length, "video/mp4"]);
await writeFile(join(dir, "written"), got);
await pipeline(got, createWriteStream(join(dir, "piped")));
for (const copy of ["written", "piped"]) assert(data.equals(await readFile(join(dir, copy))), copy);
await rm(dir, { recursive: true });
const rest: Uint8Array[] = [];
for await (const bytes of await download(nc, account, { message, offset: 17 << 20 })) rest.push(bytes);
assert(data.subarray(17 << 20).equals(Buffer.concat(rest)));
for await (const _ of await download(nc, account, { message, offset: data.length })) assert.fail("bytes behind the end");
console.log("download:", data.length);

// Errors come before there is anything to write.
const failure = async (made: Promise<unknown>) => {
  const err = await made.then(() => undefined, (e: unknown) => e);
  assert(err instanceof CallError, String(err));
  return err;
};
const wrong = await failure(download(nc, account, { link: "https://example.com" }));
assert.deepEqual([wrong.code, wrong.sent, wrong.method], [400, "no", "file.get"]);
const none = await failure(download(nc, account, { message: { peer: "me", id: 999_999 } }));
assert.equal(none.code, 404);
console.log("errors:", wrong.message);

// From a stand-in for a daemon: a range that is not answered at first is asked for again, once; a file whose size nobody knows ends with a
// range that is not full, even an empty one; and a part that is lost is not passed over.
const range = 4 << 20;
let size = 2 * range;
let lose = false;
const asked: string[] = [];
nc.subscribe("tg.file.fake.get", {
  callback: (_, m) => {
    const { offset, limit } = m.json<{ offset: number; limit: number }>();
    asked.push(`${offset} ${limit}`);
    if (asked.length === 2) {
      const h = headers();
      h.set("Nats-Service-Error-Code", "503");
      h.set("Tg-Part", "1/1");
      m.respond(JSON.stringify({ code: 503, error: "another owner takes over", sent: "no" }), { headers: h });
      m.respond();
      return;
    }
    const n = Math.min(limit, size - offset);
    const of = Math.max(n / (1 << 19), 1);
    for (let i = 1; i <= of; i++) {
      if (lose && i === 3) continue;
      const h = headers();
      h.set("Tg-Part", `${i}/${of}`);
      if (i === 1) h.set("Tg-File", '{"mime_type":"text/plain"}');
      m.respond(new Uint8Array(n / of), { headers: h });
    }
    m.respond();
  },
});
const unknown = await download(nc, "fake", { emoji: "1" });
assert.deepEqual([unknown.name, unknown.size, unknown.mime_type], ["", 0, "text/plain"]);
let length = 0;
for await (const bytes of unknown) length += bytes.length;
assert.equal(length, size);
assert.deepEqual(asked, [`0 ${range}`, `${range} ${range}`, `${range} ${range}`, `${2 * range} ${range}`]);
lose = true;
await assert.rejects(download(nc, "fake", { emoji: "1" }), /part 4\/8 of an answer came after 2/);
lose = false;

// A signal ends it: between two ranges, and while one is waited for.
size = 100 * range;
const stop = new AbortController();
let before = 0;
await assert.rejects(async () => {
  for await (const bytes of await download(nc, "fake", { emoji: "1" }, { signal: stop.signal })) {
    before += bytes.length;
    if (before === range) stop.abort(new Error("enough"));
  }
}, /enough/);
assert.equal(before, range);
nc.subscribe("tg.file.silent.get", { callback: () => waiting.abort(new Error("too slow")) });
const waiting = new AbortController();
await assert.rejects(download(nc, "silent", { emoji: "1" }, { signal: waiting.signal }), /too slow/);
console.log("retries, signals: told");
await nc.drain();
