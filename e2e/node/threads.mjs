// Reads a thread outside of forums with the npm package, and waits for a job of which no daemon tells any more.
// Usage: node threads.mjs NATS_URL ACCOUNT CHANNEL_ID ROOT TEXT... where the texts are those of the thread. It exits non-zero where a step fails.

import assert from "node:assert/strict";
import { connect, headers } from "@nats-io/transport-node";
import { CallError, history } from "natsgram";

const [url, account, channel, root, ...texts] = process.argv.slice(2);
const nc = await connect({ servers: url, timeout: 10_000 });

async function read(topic) {
  const all = [];
  for await (const m of history(nc, account, { peer: `channel.${channel}`, topic })) all.push(m.update.message.message);
  return all;
}

// All of the chat is in the stream; of it the thread is given alone.
const all = (await read()).filter((text) => text);
assert(all.length > texts.length);
assert.deepEqual(await read(Number(root)), texts);
assert.deepEqual(await read(1), []); // no forum has a general topic here, and nobody has answered the first message
console.log("thread:", texts.join(", "), "of", all.length);

// What is not told of any more has ended, and how is not known.
nc.subscribe("tg.ctl.nobody.history.*", {
  callback: (_, m) => {
    if (m.subject.endsWith(".fetch")) return m.respond(JSON.stringify({ job: { id: "j1", state: "running" } }));
    const h = headers();
    for (const [name, value] of Object.entries({ "Nats-Service-Error-Code": "404", "Nats-Service-Error": "there is no such job" })) h.set(name, value);
    m.respond(JSON.stringify({ code: 404, error: "there is no such job", sent: "no" }), { headers: h });
  },
});
const lost = await history(nc, "nobody", { peer: "me" }).next().catch((err) => err);
assert(lost instanceof CallError);
assert.equal(lost.code, 404);
assert.equal(lost.sent, "unknown");
assert.match(lost.message, /how it ended is not known/);
console.log("forgotten:", lost.message);
await nc.close();
