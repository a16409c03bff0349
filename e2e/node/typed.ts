// Uses the npm package natsgram against a running demo: typed calls, their errors, and updates of a durable consumer.
// Usage: node typed.js NATS_URL ACCOUNT CHAT_ID. It prints one line per step and exits non-zero where one fails.

import assert from "node:assert/strict";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { call, CallError, chats, events, history, live, peers, queue, updates } from "natsgram";

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
nc.subscribe("tg.rpc.large.>", {
  callback: (_, m) => {
    assert.equal(m.headers?.get("Tg-Reply"), "parts");
    const part = (i: number, text: string) => {
      const h = headers();
      h.set("Tg-Part", `${i}/3`);
      m.respond(text, { headers: h });
    };
    part(1, '{"_":"nearestDc","country":"N');
    part(2, 'L","this_dc":2,');
    part(3, '"nearest_dc":4}');
    m.respond();
  },
});
assert.deepEqual(await call(nc, "large", "help.getNearestDc", {}), { _: "nearestDc", country: "NL", this_dc: 2, nearest_dc: 4 });
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
  assert(m.type === "updateNewMessage");
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
  if (m.type !== "updateNewMessage" || m.update.message._ !== "message") continue;
  assert(!seen.includes(m.update.message.message), "acknowledged, and here again");
  m.ack();
  if (m.update.message.message.endsWith("later")) break;
}
console.log("durable: every message once");

// Jobs: in the order of their chat, each told of; what cannot be run says why.
const first = await queue(nc, account, `chat.${chat}`, "messages.sendMessage", { message: `${text}, queued` }, { id: `${text}.queued` });
const again = await queue(nc, account, `chat.${chat}`, "messages.sendMessage", { message: `${text}, queued` }, { id: `${text}.queued` });
assert(again.duplicate && again.seq === first.seq);
const other = await queue(nc, account, `chat.${chat}`, "messages.sendMessage", { peer: "user.5", message: "x" });
const [sent, refusedJob] = [await first.result(), await other.result({ signal: AbortSignal.timeout(30_000) })];
assert(sent.state === "done" && sent.result?._ === "updates" && sent.id === `${text}.queued`, JSON.stringify(sent));
assert(refusedJob.state === "failed" && refusedJob.error?.sent === "no", JSON.stringify(refusedJob));
console.log("queue:", sent.state, refusedJob.error.message);

// Without a name: everything from the oldest on, in order.
let last = 0;
for await (const m of updates(nc, account, { type: ["updateNewMessage", "updateEditMessage", "gap"], from: "oldest" })) {
  assert(m.seq > last);
  last = m.seq;
  if (m.type === "updateNewMessage" && m.update.message._ === "message" && m.update.message.message.endsWith("later")) break;
}
const anHourAgo = new Date(Date.now() - 3_600_000);
for await (const m of updates(nc, account, { from: anHourAgo })) {
  assert(m.type === "gap" || m.type === "unknown" || m.type === "redacted" || m.update._ === m.type);
  if (m.seq >= last) break;
}
console.log("ordered: up to", last);

// What the demo does not tell: an account of our own making, in the same stream.
const tell = async (subject: string, body: unknown, reason?: string) => {
  const h = headers();
  h.set("Tg-Type", subject.split(".")[1] ?? "");
  if (reason) h.set("Tg-Redacted", reason);
  await jetstream(nc).publish(`tg.upd.${subject}`, body === undefined ? "" : JSON.stringify(body), { headers: h });
};
const message = (id: number) => ({ update: { _: "updateNewMessage", message: { _: "message", id, message: "" } }, users: [], chats: [] });
const told = async (who: string, n: number, choice: object = {}) => {
  const all: string[] = [];
  for await (const m of updates(nc, who, { type: "updateNewMessage", durable: "shared", from: "oldest", ...choice })) {
    const what = m.type === "gap" ? m.gap.box : m.type === "redacted" ? `${m.of}: ${m.redacted.reason}` : m.update.message._ === "message" ? m.update.message.id + (m.withheld ?? "") : "";
    all.push(`${m.type} ${what}`);
    m.ack();
    if (all.length === n) break;
  }
  await nc.flush();
  return all;
};
await tell("fake.updateNewMessage.user.777000", message(1), "service message");
await tell("fake.updateNewMessage.user.5", message(2), "users and chats");
await tell("fake.updateNewMessage.user.5", { ...message(3), redacted: { reason: "too large", ids: ["3"] } }, "too large");
await tell("fake.updateNewMessage.user.5", undefined, "too large");
await tell("fake.updateOther.user.5", {});
await tell("fake.gap.user.5", { gap: { box: "common", from: 1, to: 2, reason: "too long", filled: false } });
await tell("fake2.updateNewMessage.user.5", message(9));
// Nothing is passed over, and what is missing is told, although only one type was asked for.
assert.deepEqual(await told("fake", 5), [
  "updateNewMessage 1service message", "updateNewMessage 2users and chats", "redacted updateNewMessage: too large",
  "redacted updateNewMessage: too large", "gap common",
]);
// Two accounts may have durables of one name.
assert.deepEqual(await told("fake2", 1), ["updateNewMessage 9"]);
const jsm = await jetstreamManager(nc);
const made = (await jsm.consumers.info("TG_UPDATES", "fake=shared")).config;
assert.deepEqual(made.filter_subjects, ["tg.upd.fake.updateNewMessage.*.*", "tg.upd.fake.gap.*.*"]); // as bridge/client makes it
// What is asked for may change; what was acknowledged stays so.
await tell("fake.updateNewMessage.channel.7", message(4));
assert.deepEqual(await told("fake", 1, { kind: "channel", id: "7" }), ["updateNewMessage 4"]); // sorted out here: the durable gives more
await jsm.consumers.delete("TG_UPDATES", "fake=shared");
assert.deepEqual(await told("fake", 1, { gaps: false, kind: "channel" }), ["updateNewMessage 4"]);
const more = told("fake", 1); // than the durable gives: it is changed, and goes on
while (!(await jsm.consumers.info("TG_UPDATES", "fake=shared")).config.filter_subjects) await new Promise((wake) => setTimeout(wake, 20));
await tell("fake.updateNewMessage.user.5", message(5));
assert.deepEqual(await more, ["updateNewMessage 5"]);
console.log("redacted, gaps, durables: told");

// The dialogs as they are, and then as they change.
await jsm.streams.add({ name: "TG_STATE", subjects: ["tg.state.>"], max_msgs_per_subject: 1 });
const state = async (chat: string, body: object) => jetstream(nc).publish(`tg.state.fake.dialog.${chat}`, JSON.stringify(body));
await state("user.5", { name: "old" });
await state("user.5", { name: "Eve", pin: 1, dialog: { _: "dialog", top_message: 7 } });
await state("chat.6", { stale: true });
const dialogs: string[] = [];
for await (const c of chats(nc, "fake")) {
  dialogs.push(`${c.kind}.${c.id} ${c.name} ${c.dialog?.top_message} ${c.left} ${c.gone}`);
  if (c.left === 0 && !c.gone) await state("user.5", { gone: true });
  if (c.gone) break;
}
assert.deepEqual(dialogs, ["user.5 Eve 7 1 undefined", "chat.6 undefined undefined 0 undefined", "user.5 undefined undefined 0 true"]);
console.log("chats: told");

// Messages of the past, typed: of the demo's channel, oldest first.
const past: string[] = [];
let percent = 0;
for await (const m of history(nc, account, { peer: "@townnews", limit: 2 }, { progress: (job) => (percent = job.percent) })) {
  if (m.type === "updateNewChannelMessage" && m.update.message._ === "message") past.push(m.update.message.message);
}
assert.equal(past.length, 2);
assert.equal(percent, 100);
const ids: (string | undefined)[] = [];
for await (const m of history(nc, account, { peer: "@townnews", from: 1, to: 2 })) ids.push(m.headers?.get("Tg-Msg-Id"));
assert.deepEqual(ids, ["2", "1"]); // in the order of the stream: the first has come with a job before
const unknown = await failure(history(nc, account, { peer: "@nobody_at_all" }).next());
assert.deepEqual([unknown.code, unknown.sent, unknown.method], [404, "no", "history.fetch"]);
console.log("history:", past.length);

// Whom the account knows: by a name, by an id, and by how a name begins.
const town = await peers.resolve(nc, account, "@townnews");
assert.deepEqual([town.kind, town.usernames], ["channel", ["townnews"]]);
assert.deepEqual(await peers.get(nc, account, `channel.${town.id}`), town);
const found = await peers.search(nc, account, { text: "townn", kind: "channel" });
assert.deepEqual([found.peers, found.more], [[town], false]);
const stranger = await failure(peers.get(nc, account, "user.5"));
assert.deepEqual([stranger.code, stranger.sent, stranger.method], [404, "no", "peers.get"]);
console.log("peers:", town.name);

// A call that is repeated says so, under one name; what the daemon does not dare to repeat is the first error.
const asked: (string | undefined)[][] = [];
nc.subscribe("tg.rpc.flaky.>", {
  callback: (_, m) => {
    asked.push([m.headers?.get("Nats-Msg-Id"), m.headers?.get("Tg-Retry")]);
    if (asked.length === 2) m.respond(JSON.stringify({ ok: true }));
    if (asked.length !== 4) return;
    const refused = headers();
    refused.set("Nats-Service-Error-Code", "409");
    m.respond(JSON.stringify({ code: 409, error: "not twice", sent: "no" }), { headers: refused });
  },
});
await call(nc, "flaky", "help.getConfig", {}, { timeout: 1, retries: 1 });
assert.deepEqual([asked[0]?.[0] === asked[1]?.[0], !!asked[0]?.[0], asked[0]?.[1], asked[1]?.[1]], [true, true, "", "1"]);
const lost = await failure(call(nc, "flaky", "help.getConfig", {}, { timeout: 1, retries: 5 }));
assert.deepEqual([lost.code, lost.sent, asked.length], [504, "unknown", 4]);
console.log("retries: told");

// What no stream keeps, and the account's own life; a signal ends each loop.
const stop = new AbortController();
const tick = setInterval(() => {
  nc.publish("tg.live.fake.updateUserTyping.user.5", JSON.stringify({ update: { _: "updateUserTyping" }, users: [], chats: [] }), { headers: typingHeaders });
  nc.publish("tg.live.fake.updateUserStatus.user.5", "{}");
  nc.publish("tg.evt.fake.flood.wait", JSON.stringify({ event: "flood.wait", account: "fake", at: "2026-01-01T00:00:00Z" }));
}, 20);
const typingHeaders = headers();
typingHeaders.set("Tg-Type", "updateUserTyping");
for await (const m of live(nc, "fake", { type: "updateUserTyping", signal: stop.signal })) {
  assert.equal(m.update._, "updateUserTyping");
  break;
}
for await (const e of events(nc, "fake", { signal: stop.signal })) {
  assert.equal(e.event, "flood.wait");
  stop.abort();
}
for await (const m of updates(nc, "fake", { signal: stop.signal })) assert.fail(m.type);
const enough = new AbortController();
for await (const m of updates(nc, "fake", { from: "oldest", signal: enough.signal })) enough.abort(m.seq);
clearInterval(tick);
const read = await call(nc, account, "help.getConfig", {}, { readOnly: true });
assert.equal(read._, "config");
const write = await failure(call(nc, account, "messages.sendMessage", { peer, message: "x" }, { readOnly: true }));
assert.deepEqual([write.code, write.sent], [403, "no"]);
console.log("live, events, signals");
await nc.drain();
