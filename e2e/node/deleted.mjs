// Reads what is deleted meanwhile: a loop by a durable ends with an error, so does waiting for a job, history ends with what is left, and none
// waits for what cannot come.
// Usage: node deleted.mjs NATS_URL. The server has no streams yet.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { chats, history, queue, updates } from "natsgram";

const nc = await connect({ servers: process.argv[2] });
const jsm = await jetstreamManager(nc);
for (const [name, tree] of [["TG_STATE", "state"], ["TG_UPDATES", "upd"], ["TG_HISTORY", "hist"]]) await jsm.streams.add({ name, subjects: [`tg.${tree}.>`] });
const messages = 300;
nc.subscribe("tg.ctl.main.history.fetch", {
  callback: (_, m) => m.respond(JSON.stringify({ job: { id: "j", state: "done", done: messages, subject: "tg.hist.main.user.5", first: 1, last: messages } })),
});
for (let id = 1; id <= messages; id++) {
  const h = headers();
  h.set("Tg-Msg-Id", String(id));
  h.set("Tg-Type", "updateNewMessage");
  await jetstream(nc).publish("tg.hist.main.user.5", "{}", { headers: h });
}
const past = history(nc, "main", { peer: "user.5" });
let seen = 0;
for await (const _ of past) if (++seen === 1) await jsm.streams.purge("TG_HISTORY", { filter: "tg.hist.main.user.5" });
if (seen === 0 || seen >= messages) throw new Error(`${seen} messages of history`);

const loops = {
  chats: chats(nc, "main", { durable: "d" }),
  updates: updates(nc, "main", { durable: "d" }),
  history: updates(nc, "main", { durable: "d", history: true }),
  consumer: updates(nc, "main", { durable: "e" }),
};
const tooLate = new Promise((done) => setTimeout(done, 120_000, "waits for what cannot come").unref());
const ends = Object.entries(loops).map(async ([what, loop]) => {
  const end = await Promise.race([tooLate, loop.next().then((r) => `came to its end: ${JSON.stringify(r)}`, (err) => err)]);
  if (!(end instanceof Error)) throw new Error(`${what} ${end}`);
  console.log(what, end.message);
});
const waits = async (stream, name) => {
  while (!((await jsm.consumers.info(stream, name).catch(() => undefined))?.num_waiting > 0)) await new Promise((done) => setTimeout(done, 20));
};
await waits("TG_STATE", "main=d");
await jsm.streams.delete("TG_STATE");
await waits("TG_HISTORY", "main=d");
await jsm.streams.delete("TG_HISTORY");
await waits("TG_UPDATES", "main=e");
await jsm.consumers.delete("TG_UPDATES", "main=e");
await waits("TG_UPDATES", "main=d");
await jsm.streams.delete("TG_UPDATES");
await Promise.all(ends);

for (const [name, subject] of [["TG_QUEUE", "tg.queue.>"], ["TG_DONE", "tg.done.>"]]) await jsm.streams.add({ name, subjects: [subject] });
const stored = (id) => queue(nc, "main", "user.5", "messages.sendMessage", { message: id }, { id });
const [job, waiting] = [await stored("deleted"), await stored("waiting")];
await jsm.streams.deleteMessage("TG_QUEUE", job.seq);
const late = { signal: AbortSignal.timeout(120_000) };
const lost = await job.result(late).then((r) => `came to its end: ${JSON.stringify(r)}`, (err) => err);
if (lost.code !== 404 || lost.sent !== "unknown") throw new Error(`a lost job ${lost}`);
console.log("job", lost.message);
const soon = await waiting.result({ signal: AbortSignal.timeout(4_000) }).catch((err) => err);
if (soon.name !== "TimeoutError") throw new Error(`a job that waits ${JSON.stringify(soon)}`);
await nc.close();
