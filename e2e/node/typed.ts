// Uses the npm package natsgram against a running demo: typed calls, their errors, and updates of a durable consumer.
// Usage: node typed.js NATS_URL ACCOUNT CHAT_ID. It prints one line per step and exits non-zero where one fails.

import assert from "node:assert/strict";
import { connect, headers } from "@nats-io/transport-node";
import { call, CallError, updates } from "natsgram";

const [url = "", account = "", chat = ""] = process.argv.slice(2);
const nc = await connect({ servers: url, timeout: 10_000 });
const peer = { _: "inputPeerChat", chat_id: chat } as const;

const config = await call(nc, account, "help.getConfig", {});
assert.equal(config._, "config");
const [me] = await call(nc, account, "users.getUsers", { id: [{ _: "inputUserSelf" }] });
assert(me?._ === "user");
console.log("call:", me.first_name);

// Whose error it is, and whether anything was sent.
const failure = async (made: Promise<unknown>) => {
  const err = await made.then(() => undefined, (e: unknown) => e);
  assert(err instanceof CallError, String(err));
  return err;
};
const wrong = await failure(call(nc, account, "messages.sendMessage", { peer: { _: "inputPeerChat", chat_id: "abc" }, message: "x" }));
assert.deepEqual([wrong.code, wrong.sent, wrong.tgError, wrong.method], [400, "no", undefined, "messages.sendMessage"]);
assert.match(wrong.message, /peer\.chat_id/);
const refused = await failure(call(nc, account, "auth.logOut", {}));
assert.deepEqual([refused.code, refused.sent], [403, "no"]);
const theirs = await failure(call(nc, account, "messages.sendMessage", { peer: { _: "inputPeerChat", chat_id: "1" }, message: "x" }));
assert(theirs.tgError && theirs.sent === "yes", theirs.message);
const nobody = await failure(call(nc, "nobody", "help.getConfig", {}));
assert.deepEqual([nobody.code, nobody.sent], [503, "no"]);

// Answers that the demo does not give, from a stand-in for a daemon: to wait, and none at all.
nc.subscribe("tg.rpc.flooded.>", {
  callback: (_, m) => {
    const h = headers();
    h.set("Nats-Service-Error-Code", "420");
    h.set("Nats-Service-Error", "wait");
    m.respond(JSON.stringify({ code: 420, error: "wait", telegram: "FLOOD_WAIT_35", retry_after: 35, sent: "yes" }), { headers: h });
  },
});
nc.subscribe("tg.rpc.silent.>", { callback: () => {} });
const flooded = await failure(call(nc, "flooded", "help.getConfig", {}));
assert.deepEqual([flooded.code, flooded.tgError, flooded.retryAfter, flooded.sent], [420, "FLOOD_WAIT_35", 35, "yes"]);
const silent = await failure(call(nc, "silent", "help.getConfig", {}, { timeout: 100 }));
assert.deepEqual([silent.code, silent.sent], [504, "unknown"]);
console.log("errors:", theirs.tgError, flooded.tgError);

// The same name twice sends one message; a durable consumer gets its update, once.
const text = `typed ${process.pid}`;
const options = { type: "updateNewMessage", kind: "chat", id: chat, durable: "typed", from: "oldest" } as const;
for (let i = 0; i < 2; i++) await call(nc, account, "messages.sendMessage", { peer, message: text }, { msgId: text });
await call(nc, account, "messages.sendMessage", { peer, message: `${text}, the last` });
const seen: string[] = [];
for await (const m of updates(nc, account, options)) {
  if (m.update.message._ === "message") seen.push(m.update.message.message);
  assert.match(m.headers?.get("Tg-Pts") ?? "", /^\d+$/);
  m.ack();
  if (seen.at(-1)?.endsWith("last")) break;
}
assert.deepEqual(seen.filter((s) => s.startsWith(text)), [text, `${text}, the last`]);
await nc.flush();

// The consumer goes on where it was, although it is asked for in the same words again.
await call(nc, account, "messages.sendMessage", { peer, message: `${text}, later` });
for await (const m of updates(nc, account, options)) {
  if (m.update.message._ !== "message") continue;
  assert(!seen.includes(m.update.message.message), "acknowledged, and here again");
  m.ack();
  if (m.update.message.message.endsWith("later")) break;
}
console.log("durable: every message once");

// Without a name: everything from the oldest on, in order.
let last = 0;
for await (const m of updates(nc, account, { type: ["updateNewMessage", "updateEditMessage", "gap"], from: "oldest" })) {
  assert(m.seq > last);
  last = m.seq;
  if (m.type === "updateNewMessage" && m.update.message._ === "message" && m.update.message.message.endsWith("later")) break;
}
const anHourAgo = new Date(Date.now() - 3_600_000);
for await (const m of updates(nc, account, { from: anHourAgo })) {
  assert(m.type === "gap" || m.update._ === m.type);
  if (m.seq >= last) break;
}
console.log("ordered: up to", last);
await nc.drain();
