// Reads updates as a user of another NATS account, with the rights of `natsgram permissions consumer` and no others.
// Usage: node consumer.mjs NATS_URL USER PASSWORD ACCOUNT (own | the name of a durable).

import { connect } from "@nats-io/transport-node";
import { chats, updates } from "natsgram";

const [servers, user, pass, account, what] = process.argv.slice(2);
const nc = await connect({ servers, user, pass, inboxPrefix: `_INBOX_.${user}`, timeout: 3_000 });
const from = "oldest";
const ways = what === "own" ? [{ own: true, from }, { own: true, from, durable: "mine" }] : [{ durable: what, type: "updateNewMessage" }];
for (const way of ways) {
  for await (const u of updates(nc, account, { ...way, domain: "natsgram" })) {
    console.log(u.type);
    u.ack();
    break;
  }
}
if (what !== "own") {
  for await (const c of chats(nc, account, { durable: what, domain: "natsgram" })) {
    console.log("dialog", c.kind, c.name);
    break;
  }
  for await (const u of updates(nc, account, { durable: what, domain: "natsgram", history: true })) {
    console.log("history", u.type);
    u.ack();
    break;
  }
  for (const refused of [chats(nc, account, { domain: "natsgram" }), chats(nc, account, { durable: "another", domain: "natsgram" }), chats(nc, "other", { durable: what, domain: "natsgram" })]) {
    const end = await refused.next().then(() => "nothing", () => "refused");
    if (end !== "refused") throw new Error("what the role does not allow was allowed");
  }
}
await nc.close();
