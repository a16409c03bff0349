// mtcute against a Telegram in a box: what the page `control` says is done by the other people there.
// node mtcute.mjs '{"control": "http://...", "phone": "...", "password": "...", "dc": {...}, "key": {...}, "proxy": {...}}'

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { MemoryStorage, MtProxyTcpTransport, TelegramClient } from "@mtcute/node";
import { __publicKeyIndex } from "./node_modules/@mtcute/core/tl/binary/rsa-keys.js";

const o = JSON.parse(process.argv[2]);
__publicKeyIndex[o.key.fingerprint] = { ...o.key, old: false };

const ask = async (path) => (await fetch(o.control + path)).text();

const tg = new TelegramClient({
  apiId: 1,
  apiHash: "box",
  storage: new MemoryStorage(),
  defaultDcs: { main: o.dc, media: o.dc },
  ...(o.proxy && { transport: new MtProxyTcpTransport(o.proxy) }),
  // One worker at a time uploads: mtcute 0.30.3 numbers a part before it has read it, so that several can swap contents.
  network: { connectionCount: (kind) => (kind === "download" ? 4 : 1) },
  updates: { catchUp: true },
  logLevel: 0,
});

// within waits for something that an update brings.
async function within(what, ok) {
  for (let i = 0; i < 600; i++) {
    if (ok()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`${what} never comes`);
}

try {
  const me = await tg.start({ phone: o.phone, code: () => ask(`/code?phone=${o.phone}`), password: o.password });
  assert.equal(me.firstName, o.name);

  const heard = [];
  tg.onNewMessage.add((m) => heard.push(m.text));
  tg.onEditMessage.add((m) => heard.push(m.text));
  tg.onDeleteMessage.add((m) => heard.push(`deleted ${m.messageIds.length}`));

  const dialogs = [];
  for await (const d of tg.iterDialogs()) dialogs.push(d.peer.displayName);
  assert.ok(dialogs.includes("Bob") && dialogs.includes("Town News"), dialogs.join());

  const sent = await tg.sendText("bobby", "one");
  const edited = await tg.editMessage({ message: sent, text: "one, edited" });
  assert.equal(edited.text, "one, edited");
  const history = await tg.getHistory("bobby", { limit: 20 });
  assert.ok(history.some((m) => m.text === "one, edited"));

  for (const trouble of ["nothing", "cut", "salts", "sessions"]) {
    await ask(`/${trouble}`);
    await ask(`/say?text=after ${trouble}`);
    await tg.sendText("bobby", `answer after ${trouble}`); // or it would notice a lost session by its next ping, a minute later
    await within(`what was said after ${trouble}`, () => heard.includes(`after ${trouble}`) && heard.includes(`news after ${trouble}`));
  }
  await ask("/edit?text=said otherwise");
  await within("the edit", () => heard.includes("said otherwise"));
  await ask("/delete");
  await within("the deletion", () => heard.some((x) => x.startsWith("deleted")));

  await tg.deleteMessages([sent]);
  assert.ok(!(await tg.getHistory("bobby", { limit: 50 })).some((m) => m.id === sent.id));

  for (const size of [300_000, 11 * 1024 * 1024]) {
    const data = randomBytes(size);
    const file = await tg.uploadFile({ file: data, fileName: "up.bin", requestsPerConnection: 1 });
    const m = await tg.sendMedia("bobby", { type: "document", file });
    assert.ok(Buffer.from(await tg.downloadAsBuffer(m.media)).equals(data), `${size} bytes came back otherwise`);
  }
  console.log(`${me.firstName}: ${heard.length} updates`);
} finally {
  await tg.destroy();
}
