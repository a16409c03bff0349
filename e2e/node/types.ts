// What the compiler must refuse, each after a line that expects the error, and what it must know. It is compiled and not run.

import type { NatsConnection } from "@nats-io/transport-node";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { call, CallError, download, updates, type FileOf, type tl } from "natsgram";

declare const nc: NatsConnection;

// Results have their types, also through wrappers.
const users: tl.User[] = await call(nc, "demo", "users.getUsers", { id: [{ _: "inputUserSelf" }] });
const config: tl.Config = await call(nc, "demo", "help.getConfig", {});
const wrapped: tl.User[] = await call(nc, "demo", "invokeWithTakeout", {
  takeout_id: "1",
  query: { _: "users.getUsers", id: [{ _: "inputUserSelf" }] },
});
// @ts-expect-error: the result is no string
const text: string = await call(nc, "demo", "help.getConfig", {});

// Where a class has one constructor its name may be left out; random_id is filled in.
await call(nc, "demo", "messages.sendMessage", {
  peer: { _: "inputPeerChat", chat_id: "1" },
  message: "hi",
  silent: true,
  reply_to: { _: "inputReplyToMessage", reply_to_msg_id: 1 },
});
await call(nc, "demo", "messages.sendMessage", { peer: "me", message: "hi" });
await call(nc, "demo", "account.updateStatus", { offline: false }, { timeout: 5_000, msgId: "a" });

// @ts-expect-error: no such method
await call(nc, "demo", "messages.sendMesage", {});
// @ts-expect-error: message is missing
await call(nc, "demo", "messages.sendMessage", { peer: { _: "inputPeerSelf" } });
// @ts-expect-error: no such parameter
await call(nc, "demo", "messages.sendMessage", { peer: { _: "inputPeerSelf" }, message: "hi", colour: "red" });
// @ts-expect-error: flags follow from what is there
await call(nc, "demo", "messages.sendMessage", { peer: { _: "inputPeerSelf" }, message: "hi", flags: 1 });
// @ts-expect-error: a long is a string; a number would lose digits
await call(nc, "demo", "messages.sendMessage", { peer: { _: "inputPeerChat", chat_id: 1 }, message: "hi" });
// @ts-expect-error: a peer has to say which it is
await call(nc, "demo", "messages.sendMessage", { peer: { chat_id: "1" }, message: "hi" });
// @ts-expect-error: not a constructor of InputPeer
await call(nc, "demo", "messages.sendMessage", { peer: { _: "inputUserSelf" }, message: "hi" });
// @ts-expect-error: true flags are true or absent
await call(nc, "demo", "messages.sendMessage", { peer: { _: "inputPeerSelf" }, message: "hi", silent: "yes" });
// @ts-expect-error: the call inside lacks its parameter
await call(nc, "demo", "invokeWithTakeout", { takeout_id: "1", query: { _: "users.getUsers" } });

// An update's name decides its type.
for await (const m of updates(nc, "demo", { type: ["updateNewMessage", "gap"], kind: "chat", id: "1", durable: "d", from: "new" })) {
  if (m.type === "gap") {
    const from: number = m.gap.from;
    // @ts-expect-error: a gap is no update
    m.update;
    continue;
  }
  if (m.type === "redacted") {
    const why: string = m.redacted.reason;
    // @ts-expect-error: it has no contents
    m.update;
    continue;
  }
  const message: tl.Message = m.update.message;
  if (message._ === "message") message.message.toUpperCase();
  // @ts-expect-error: no such field
  m.update.nothing;
  m.ack();
}
for await (const m of updates(nc, "demo")) {
  if (m.type === "updateDeleteMessages") m.update.messages.length;
}
// @ts-expect-error: no such update
updates(nc, "demo", { type: "updateNothing" });

// A file goes wherever bytes can be written, and is named in one of many ways.
declare const held: tl.Document;
const films: FileOf[] = [
  { link: "https://t.me/news/5" }, { message: { peer: "@news", id: 5 }, offset: 1 }, { story: { peer: { _: "inputPeerSelf" }, id: 5 } },
  { photo_of: "me", size: "thumb" }, { emoji: "5368324170671202286" }, { document: held },
  { location: { _: "inputDocumentFileLocation", id: "1", access_hash: "2", file_reference: "", thumb_size: "" } },
];
for (const of of films) {
  const film = await download(nc, "demo", of, { signal: AbortSignal.timeout(1_000) });
  await writeFile(film.name, film);
  await pipeline(film, createWriteStream("film"));
  for await (const bytes of film) bytes.byteLength / film.size;
}
// @ts-expect-error: no file is named
download(nc, "demo", { size: "thumb" });
// @ts-expect-error: a message has a peer
download(nc, "demo", { message: { id: 5 } });
// @ts-expect-error: nothing but the bytes
download(nc, "demo", { link: "https://t.me/news/5", to: "object" });

// Errors tell what can be done.
try {
  await call(nc, "demo", "help.getConfig", {});
} catch (err) {
  if (err instanceof CallError && err.sent === "no") console.log(err.code + (err.retryAfter ?? 0), err.tgError?.length, users, config, wrapped, text);
}
