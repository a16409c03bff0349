// Calls a method in JSON and in MessagePack, sends a message, and reads the update that it causes from JetStream.
// Usage: node program.mjs NATS_URL ACCOUNT CHAT_ID. It prints one line per step and exits non-zero where one fails.

import assert from "node:assert/strict";
import { connect, headers } from "@nats-io/transport-node";
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { decode, encode } from "@msgpack/msgpack";

const [url, account, chat] = process.argv.slice(2);
const nc = await connect({ servers: url, timeout: 10_000 });

async function call(method, params, type = "application/json") {
  const pack = type === "application/msgpack";
  const h = headers();
  h.set("Content-Type", type);
  const body = pack ? encode(params, { useBigInt64: true }) : JSON.stringify(params);
  const reply = await nc.request(`tg.rpc.${account}.${method}`, body, { headers: h, timeout: 20_000 });
  const failed = reply.headers?.get("Nats-Service-Error-Code");
  const result = pack ? decode(reply.data, { useBigInt64: true }) : reply.json();
  return { failed, result, type: reply.headers?.get("Content-Type") };
}

// The same call in both encodings tells the same.
const config = await call("help.getConfig", {});
assert.equal(config.failed ?? "", "");
assert.equal(config.result._, "config");
const packed = await call("help.getConfig", {}, "application/msgpack");
assert.equal(packed.type, "application/msgpack");
assert.equal(packed.result._, "config");
assert.equal(Number(packed.result.this_dc), config.result.this_dc);
console.log("call: this_dc", config.result.this_dc);

// A long is a decimal string in JSON and an int64 in MessagePack.
const self = { id: [{ _: "inputUserSelf" }] };
const inJSON = (await call("users.getUsers", self)).result[0];
const inPack = (await call("users.getUsers", self, "application/msgpack")).result[0];
assert.equal(typeof inJSON.id, "string");
assert.equal(BigInt(inJSON.id), BigInt(inPack.id));
console.log("self:", inJSON.first_name);

// Mistakes name their place, in both encodings.
const wrong = { peer: { _: "inputPeerChat", chat_id: "abc" }, message: "x" };
for (const type of ["application/json", "application/msgpack"]) {
  const { failed, result } = await call("messages.sendMessage", wrong, type);
  assert.equal(failed, "400");
  assert.match(JSON.stringify(result), /peer\.chat_id/);
}
console.log("mistakes: named");

// A durable consumer gets the update of a message that this program sends.
const stream = "TG_UPDATES";
const jsm = await jetstreamManager(nc);
await jsm.consumers.add(stream, {
  durable_name: "node",
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.New,
  filter_subject: `tg.upd.${account}.updateNewMessage.chat.${chat}`,
});
const text = `from node ${process.pid}`;
const sent = await call("messages.sendMessage", { peer: { _: "inputPeerChat", chat_id: chat }, message: text });
assert.equal(sent.failed ?? "", "", JSON.stringify(sent.result));

const consumer = await jetstream(nc).consumers.get(stream, "node");
let seen = 0;
for (let tries = 0; tries < 10 && seen === 0; tries++) {
  for await (const m of await consumer.fetch({ max_messages: 10, expires: 2_000 })) {
    const body = m.json();
    if (body.update.message.message === text) {
      seen++;
      assert.match(m.headers.get("Tg-Pts"), /^\d+$/);
      assert.equal(m.headers.get("Tg-Type"), "updateNewMessage");
    }
    m.ack();
  }
}
assert.equal(seen, 1, "the update of our own message");
console.log("update: seen once");
await jsm.consumers.delete(stream, "node");
await nc.drain();
