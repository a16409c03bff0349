// Reads updates as a user of another NATS account, with the rights of `natsgram permissions consumer` and no others.
// Usage: node consumer.mjs NATS_URL USER PASSWORD ACCOUNT (own | the name of a durable).

import { connect } from "@nats-io/transport-node";
import { updates } from "natsgram";

const [servers, user, pass, account, what] = process.argv.slice(2);
const nc = await connect({ servers, user, pass, inboxPrefix: `_INBOX_${user}`, timeout: 10_000 });
const from = "oldest";
const ways = what === "own" ? [{ own: true, from }, { own: true, from, durable: "mine" }] : [{ durable: what, type: "updateNewMessage" }];
for (const way of ways) {
  for await (const u of updates(nc, account, { ...way, domain: "natsgram" })) {
    console.log(u.type);
    u.ack();
    break;
  }
}
await nc.close();
