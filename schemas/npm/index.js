// Calls and updates of Telegram accounts that a natsgram daemon runs. index.d.ts says what each export does; nothing here
// depends on the layer of Telegram's API.

import { errors, headers } from "@nats-io/nats-core";
import { AckPolicy, DeliverPolicy, JetStreamApiCodes, JetStreamApiError, jetstream, jetstreamManager } from "@nats-io/jetstream";

const defaultTimeout = 60_000;

export class CallError extends Error {
  constructor(method, fields, cause) {
    super(`${method}: ${fields.error}`, { cause });
    this.name = "CallError";
    this.method = method;
    this.code = fields.code;
    this.tgError = fields.telegram;
    this.sent = fields.sent;
    this.retryAfter = fields.retry_after;
  }
}

export async function call(nc, account, method, params, options = {}) {
  const { retries = 0, msgId = retries > 0 ? crypto.randomUUID() : undefined } = options;
  let lost; // the first attempt of which nobody knows what became
  for (let n = 0; ; n++) {
    try {
      return await attempt(nc, account, method, params, { ...options, msgId, repeats: lost && n });
    } catch (err) {
      if (lost && err.code === 409 && !err.tgError) throw lost; // the daemon does not dare
      if (n >= retries || !mayRepeat(err)) throw err;
      if (err.sent === "unknown") lost ??= err;
      await new Promise((done) => setTimeout(done, pause(n, err)));
    }
  }
}

// mayRepeat is bridge/client's rule: what was not executed, or of which nobody knows, since the daemon refuses to repeat what
// could be executed twice; and what Telegram wants to wait.
function mayRepeat(err) {
  if (!(err instanceof CallError)) return false;
  return err.tgError ? err.retryAfter > 0 : err.code >= 500 && err.sent !== "yes";
}

const pause = (n, err) => Math.max((err.retryAfter ?? 0) * 1000, Math.min(50 * 2 ** n, 2000)) * (1 + Math.random() / 2);

async function attempt(nc, account, method, params, { timeout = defaultTimeout, msgId, repeats, readOnly = false, order, prefix = "tg" }) {
  const h = headers();
  h.set("Tg-Timeout", String(timeout / 1000));
  if (msgId) h.set("Nats-Msg-Id", msgId);
  if (repeats) h.set("Tg-Retry", String(repeats));
  h.set("Tg-Reply", "parts");
  let reply;
  try {
    // The daemon answers within the time; what is added is for the way there and back.
    reply = await whole(nc, `${prefix}.${readOnly ? "ro" : "rpc"}.${account}.${method}`, JSON.stringify(params), h, timeout + 2_000);
  } catch (err) {
    throw unanswered(account, method, err);
  }
  const result = await json(reply);
  if (reply.failed) throw new CallError(method, result);
  return result;
}

// whole asks, and gives the parts of the answer (Tg-Part: i/n), once all are there, with the headers of the first.
async function whole(nc, subject, body, h, timeout, signal) {
  const parts = [];
  let head;
  const messages = await nc.requestMany(subject, body, { headers: h, maxWait: timeout, strategy: "sentinel" });
  const end = () => messages.stop();
  signal?.addEventListener("abort", end, { once: true });
  try {
    for await (const m of messages) {
      const part = m.headers?.get("Tg-Part") || "1/1"; // without: an answer by itself
      const [i, n] = part.split("/");
      if (i !== String(parts.length + 1)) throw new Error(`the part ${part} of an answer came after ${parts.length}`);
      head ??= m.headers;
      parts.push(m.data);
      if (i === n) return { headers: head, failed: Boolean(head?.get("Nats-Service-Error-Code")), parts };
    }
  } finally {
    signal?.removeEventListener("abort", end);
  }
  throw new errors.TimeoutError();
}

const json = async ({ parts }) => JSON.parse(await new Blob(parts).text());

// unanswered is what it means that no reply came.
function unanswered(account, method, err) {
  if (err instanceof errors.NoRespondersError || (err instanceof errors.RequestError && err.isNoResponders())) {
    return new CallError(method, { code: 503, error: `no natsgram daemon runs the account ${account}`, sent: "no" }, err);
  }
  if (err instanceof errors.TimeoutError || err.cause instanceof errors.TimeoutError) {
    return new CallError(method, { code: 504, error: "no answer in time", sent: "unknown" }, err);
  }
  return err;
}

export async function queue(nc, account, chat, method, params = {}, options = {}) {
  const { id = crypto.randomUUID(), prefix = "tg", domain } = options;
  const h = headers();
  h.set("Content-Type", "application/json");
  h.set("Nats-Msg-Id", id);
  const set = { "Tg-Priority": options.priority, "Tg-Not-Before": options.notBefore, "Tg-Expires": options.expires, "Tg-Coalesce": options.coalesce };
  for (const [name, value] of Object.entries(set)) {
    if (value !== undefined) h.set(name, value instanceof Date ? value.toISOString() : String(value));
  }
  const body = JSON.stringify(params);
  const js = jetstream(nc, domain ? { domain } : {});
  const { seq, duplicate } = await js.publish(`${prefix}.queue.${account}.${chat}.${method}`, body, { headers: h, expect: { streamName: streamName(prefix, "QUEUE") } });
  const job = {
    id, seq, method, body,
    subject: `${prefix}.queue.${account}.${chat}.${method}`,
    // It is told by the id, and by the sequence where another job has the id.
    told: [id, String(seq)].map((name) => `${prefix}.done.${account}.${chat}.${token(name)}`),
    queue: streamName(prefix, "QUEUE"), done: streamName(prefix, "DONE"),
  };
  return { id, seq, duplicate, result: async ({ signal } = {}) => resultOf(js, { ...job, digest: await digest(method, "application/json", body) }, signal) };
}

// resultOf waits for what is told of a job, and looks after it meanwhile: less and less often, as bridge/client does.
async function resultOf(js, job, signal) {
  signal?.throwIfAborted();
  const consumer = await js.consumers.get(job.done, { filter_subjects: job.told, deliver_policy: DeliverPolicy.LastPerSubject });
  const messages = await consumer.consume();
  const end = () => messages.stop();
  signal?.addEventListener("abort", end, { once: true });
  let found, timer, ended = false;
  const look = async (pause) => {
    found = await whereabouts(js, job).catch(() => undefined); // nobody says: it is looked again
    if (found) end();
    else if (!ended) timer = setTimeout(look, pause, Math.min(2 * pause, 30_000));
  };
  timer = setTimeout(look, 1_000, 2_000);
  try {
    for await (const m of messages) {
      if (isOf(job, m.headers)) return outcome(job, m.headers, m);
    }
  } finally {
    ended = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    await messages.close();
  }
  signal?.throwIfAborted();
  if (found?.told) return outcome(job, found.told.header, found.told);
  if (found) throw new CallError(job.method, { code: 404, error: "the job is not in the queue any more, and what became of it is not kept", sent: "unknown" });
  throw new Error("the connection to NATS was closed");
}

// whereabouts tells whether a job is told of, or lost: undefined where it waits. A daemon takes it out of the queue when it is told of, so that what
// is told is read behind that.
async function whereabouts(js, job) {
  const { streams } = await js.jetstreamManager(false);
  const queued = await streams.getMessage(job.queue, { seq: job.seq });
  // In its place another one stands where the stream was made anew.
  if (queued?.subject === job.subject && queued.header?.get("Nats-Msg-Id") === job.id && new TextDecoder().decode(queued.data) === job.body) return undefined;
  for (const last_by_subj of job.told) {
    const told = await streams.getMessage(job.done, { last_by_subj });
    if (told && isOf(job, told.header)) return { told };
  }
  return { lost: true };
}

// A result has the digest of its job.
const isOf = (job, headers) => headers?.get("Tg-Job-Digest") === job.digest;

function outcome({ method }, headers, m) {
  const about = { state: headers.get("Tg-Job-State"), id: decodeURIComponent(m.subject.split(".").at(-1)), tries: Number(headers.get("Tg-Tries")) };
  return headers.get("Nats-Service-Error-Code") ? { ...about, error: new CallError(method, m.json()) } : { ...about, result: m.json() };
}

// digest is what stands in Tg-Job-Digest of a job's result.
async function digest(...parts) {
  const text = parts.map((p) => `${new TextEncoder().encode(p).length}:${p}`).join("");
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(hash).slice(0, 12))).replaceAll("+", "-").replaceAll("/", "_");
}

// token is any text as one token of a subject.
function token(text) {
  const plain = /[a-zA-Z0-9_-]/;
  return [...new TextEncoder().encode(text)].map((b) => (plain.test(String.fromCharCode(b)) ? String.fromCharCode(b) : `%${b.toString(16).toUpperCase().padStart(2, "0")}`)).join("");
}

const streamName = (prefix, what) => `${prefix.toUpperCase().replaceAll(".", "_")}_${what}`;

export async function upload(nc, account, name, data, { prefix = "tg", domain, timeout = defaultTimeout } = {}) {
  const { Objm } = await import("@nats-io/obj");
  const bucket = streamName(prefix, "FILES");
  const file = name.split("/").at(-1);
  // @nats-io/obj takes no names of objects but in ASCII; what the file is called is in the metadata.
  const object = `${account}/up/${crypto.randomUUID()}/${file.replace(/[^ -~]/g, "_")}`;
  const stores = new Objm(jetstream(nc, domain ? { domain } : {}));
  let store;
  try {
    store = await stores.open(bucket);
  } catch {
    // The daemon makes the store when it is asked for an object there.
    await nc.request(`${prefix}.file.${account}.put`, JSON.stringify({ object: `${bucket}/${object}` }), { timeout });
    store = await stores.open(bucket);
  }
  const blob = data instanceof Uint8Array ? new Blob([data]) : data;
  const metadata = { name: file };
  if (blob.type) metadata.mime_type = blob.type;
  await store.put({ name: object, metadata }, blob instanceof Blob ? blob.stream() : blob);
  return `object:${bucket}/${object}`;
}

// rangeSize is how much of a file one answer has, and rangeTries how often it is asked for: as bridge/client has it.
const rangeSize = 4 << 20;
const rangeTries = 8;

export async function download(nc, account, of, options = {}) {
  const begin = of.offset ?? 0;
  let first = await fileRange(nc, account, of, begin, options);
  const { name = "", size = 0, mime_type } = first.file;
  async function* ranges() {
    let range = first ?? (await fileRange(nc, account, of, begin, options));
    first = undefined; // it is not kept for as long as the rest takes
    for (let offset = begin; ; range = await fileRange(nc, account, of, offset, options)) {
      const got = range.parts.reduce((n, part) => n + part.length, 0);
      offset += got;
      yield* range.parts.filter((part) => part.length > 0);
      if (got < rangeSize || (size > 0 && offset >= size)) return;
    }
  }
  return { name, size, mime_type, [Symbol.asyncIterator]: ranges };
}

// fileRange asks for a range until it is answered: to ask for a file again is always safe.
async function fileRange(nc, account, of, offset, { prefix = "tg", timeout = defaultTimeout, signal }) {
  const method = "file.get";
  const h = headers();
  h.set("Tg-Timeout", String(timeout / 1000));
  h.set("Tg-Reply", "parts");
  const body = JSON.stringify({ ...of, offset, limit: rangeSize });
  for (let n = 0; ; n++) {
    signal?.throwIfAborted();
    try {
      const reply = await whole(nc, `${prefix}.file.${account}.get`, body, h, timeout + 2_000, signal);
      if (reply.failed) throw new CallError(method, await json(reply));
      const told = reply.headers?.get("Tg-File");
      if (!told) throw new Error(`${method}: the answer does not say which file it is of (Tg-File)`);
      return { parts: reply.parts, file: JSON.parse(told) };
    } catch (cause) {
      signal?.throwIfAborted();
      const err = unanswered(account, method, cause);
      if (n + 1 >= rangeTries || !(err instanceof CallError) || (err.code !== 503 && err.code !== 504)) throw err;
      await new Promise((done) => setTimeout(done, pause(n, err)));
    }
  }
}

export async function* history(nc, account, of, options = {}) {
  const { prefix = "tg", domain, signal, progress } = options;
  let { job } = await control(nc, account, "history.fetch", of, options);
  while (job.state === "waiting" || job.state === "running") {
    await new Promise((done) => setTimeout(done, 250));
    [job] = (await control(nc, account, "history.list", { job: job.id }, options).catch(forgotten)).jobs;
    progress?.(job);
  }
  if (job.state !== "done") throw new CallError("history.fetch", { error: job.error, code: job.code, sent: "no" });
  if (job.done === 0) return; // there are no such messages
  const { consumers } = jetstream(nc, domain ? { domain } : {});
  for (let at = 0; ; ) {
    const behind = { filter_subjects: job.subject, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: at + 1 };
    const consumer = await consumers.get(streamName(prefix, "HISTORY"), behind);
    let left = (await consumer.info()).num_pending;
    if (left === 0) return;
    for await (const m of some(await consumer.consume(), signal)) {
      at = m.seq;
      const id = Number(m.headers?.get("Tg-Msg-Id"));
      const told = id >= job.first && id <= job.last && { ...read(m), seq: m.seq };
      if (told && inTopic(told, of.topic)) yield told;
      if (--left === 0) return;
    }
    if (signal?.aborted) return;
  }
}

// historyWait is how long the next message may take before it is looked whether it is still there, as bridge/client has it.
const historyWait = 5_000;

// some gives messages until none comes for a while, or the signal is given.
async function* some(messages, signal) {
  const end = () => messages.stop();
  signal?.addEventListener("abort", end, { once: true });
  let late = setTimeout(end, historyWait);
  try {
    for await (const m of messages) {
      clearTimeout(late);
      yield m;
      late = setTimeout(end, historyWait);
    }
  } finally {
    clearTimeout(late);
    signal?.removeEventListener("abort", end);
    await messages.close();
  }
}

// inTopic tells whether a message is of a forum's topic, or of a thread outside of forums, as bridge/client has it.
function inTopic({ subject, headers, chats = [] }, topic) {
  const [named, thread] = ["Tg-Topic", "Tg-Thread"].map((name) => Number(headers?.get(name)));
  const chat = chats.find((c) => c._ === "channel" && c.id === subject.split(".").at(-1));
  if (topic === 1 && !named && (!chat || chat.forum)) return true; // messages of the general topic, which is the first, name none
  return !topic || named === topic || thread === topic;
}

// forgotten says what it means that a job is not in the list, which has the last 50 that ended, for a week.
function forgotten(err) {
  if (!(err instanceof CallError) || err.code !== 404) throw err;
  const error = "the job ended and is not listed any more, so that how it ended is not known; the same call again fetches what is missing";
  throw new CallError("history.list", { code: 404, error, sent: "unknown" }, err);
}

export const peers = {
  get: (nc, account, peer, options = {}) => control(nc, account, "peers.get", { peer }, options),
  resolve: (nc, account, peer, options = {}) => control(nc, account, "peers.resolve", { peer }, options),
  search: async (nc, account, { text = "", kind, limit } = {}, options = {}) => ({ more: false, ...(await control(nc, account, "peers.search", { text, kind, limit }, options)) }),
};

// control asks a verb of tg.ctl until it is answered: only such as may be asked twice.
async function control(nc, account, method, body, { prefix = "tg", timeout = defaultTimeout, signal }) {
  for (let n = 0; ; n++) {
    signal?.throwIfAborted();
    try {
      const reply = await whole(nc, `${prefix}.ctl.${account}.${method}`, JSON.stringify(body), headers(), timeout, signal);
      const answer = await json(reply);
      if (reply.failed) throw new CallError(method, answer);
      return answer;
    } catch (cause) {
      signal?.throwIfAborted();
      const err = unanswered(account, method, cause);
      if (n + 1 >= rangeTries || !(err instanceof CallError) || (err.code !== 503 && err.code !== 504)) throw err;
      await new Promise((done) => setTimeout(done, pause(n, err)));
    }
  }
}

export async function* updates(nc, account, options = {}) {
  const wanted = filtersOf(account, options);
  const consumer = await consumerOf(nc, account, wanted, options);
  if (options.signal?.aborted) return;
  const messages = await consumer.consume(reading(options.durable));
  const ack = options.durable ? (m) => m.ack() : () => {};
  const types = options.history ? typesOf(options) : ["*"]; // of history no subject says the type
  const typed = (m) => types[0] === "*" || types.includes(m.headers?.get("Tg-Type"));
  const end = () => messages.stop();
  options.signal?.addEventListener("abort", end, { once: true });
  try {
    for await (const m of messages) {
      // "state" is the daemon's own; a durable that there was before may give more than is wanted here.
      if (m.headers?.get("Tg-Type") === "state" || !wanted.some((w) => covers(w, m.subject)) || !typed(m)) {
        ack(m);
        continue;
      }
      yield { ...read(m), seq: m.seq, ack: () => ack(m) };
    }
  } finally {
    options.signal?.removeEventListener("abort", end);
    await messages.close();
  }
}

export async function* live(nc, account, options = {}) {
  const { kind = "*", id = "*", prefix = "tg" } = options;
  const subjects = typesOf(options).map((t) => `${prefix}.live.${account}.${t}.${kind}.${id}`);
  const wanted = subjects.length === 1 ? subjects[0] : `${prefix}.live.${account}.*.${kind}.${id}`;
  for await (const m of listen(nc, wanted, options.signal)) {
    if (subjects.some((s) => covers(s, m.subject))) yield read(m);
  }
}

export async function* events(nc, account, options = {}) {
  for await (const m of listen(nc, `${options.prefix ?? "tg"}.evt.${account}.>`, options.signal)) {
    const event = parsed(m);
    if (event) yield event;
  }
}

// parsed is a message's JSON; null for what is none: who may make consumers can have empty messages written to subjects that others read.
function parsed(m) {
  try {
    return m.json();
  } catch {
    return null;
  }
}

export async function* chats(nc, account, options = {}) {
  const { prefix = "tg", domain, durable, signal } = options;
  if (signal?.aborted) return;
  const [stream, subject, deliver_policy] = [streamName(prefix, "STATE"), `${prefix}.state.${account}.dialog.*.*`, DeliverPolicy.LastPerSubject];
  const consumer = durable
    ? await bound(nc, stream, durableName(account, durable), { filter_subject: subject, deliver_policy }, domain)
    : await jetstream(nc, domain ? { domain } : {}).consumers.get(stream, { filter_subjects: subject, deliver_policy });
  const messages = await consumer.consume({ ...reading(durable), ...(durable && { max_messages: 1 }) }); // what was fetched and not looked at would come again after a while
  const ack = durable ? (m) => m.ack() : () => {};
  const end = () => messages.stop();
  signal?.addEventListener("abort", end, { once: true });
  try {
    for await (const m of messages) {
      const [kind, id] = m.subject.split(".").slice(-2);
      const record = covers(subject, m.subject) ? parsed(m) : null;
      if (record) yield { kind, id, through: Number(m.headers?.get("Tg-Through") ?? 0), left: m.info.pending, ...record };
      ack(m);
    }
  } finally {
    signal?.removeEventListener("abort", end);
    await messages.close();
  }
}

// listen gives what comes on a subject until the signal is given.
async function* listen(nc, subject, signal) {
  if (signal?.aborted) return;
  const sub = nc.subscribe(subject);
  const end = () => sub.unsubscribe();
  signal?.addEventListener("abort", end, { once: true });
  try {
    yield* sub;
  } finally {
    signal?.removeEventListener("abort", end);
    sub.unsubscribe();
  }
}

// read is a message as it is told. Nothing that is in the stream is passed over: what lacks something says so.
function read(m) {
  const type = m.headers?.get("Tg-Type") ?? "";
  const reason = m.headers?.get("Tg-Redacted");
  const about = { type, subject: m.subject, headers: m.headers };
  if (reason && m.data.length === 0) return { ...about, type: "redacted", of: type, redacted: { reason } };
  if (type === "unknown") return { ...about, data: m.data };
  const content = m.headers?.get("Content-Type");
  if (content && content !== "application/json") {
    throw new Error(`updates are stored as ${content}: set NATSGRAM_UPDATE_ENCODING=json for the daemon`);
  }
  const body = m.json();
  if (reason && body.redacted) return { ...about, type: "redacted", of: type, redacted: { reason, ...body.redacted } };
  return reason ? { ...about, ...body, withheld: reason } : { ...about, ...body };
}

function typesOf({ type = "*" }) {
  const all = [...new Set([type].flat())];
  return all.length === 0 || all.includes("*") ? ["*"] : all.map((t) => t.replaceAll(".", "%2E"));
}

// filtersOf are the subjects that are wanted. With what is chosen by type come the gaps, so that nobody misses updates without
// being told.
function filtersOf(account, options) {
  const { kind = "*", id = "*", prefix = "tg", gaps = true } = options;
  if (options.history) return [`${prefix}.hist.${account}.${kind}.${id}`];
  const types = typesOf(options);
  if (gaps && types[0] !== "*" && !types.includes("gap")) types.push("gap");
  return types.map((t) => `${prefix}.upd.${account}.${t}.${kind}.${id}`);
}

// covers tells whether every subject of the filter b, or the subject b, is one of the filter a.
function covers(a, b) {
  const [as, bs] = [a.split("."), b.split(".")];
  const rest = as.indexOf(">");
  if (rest >= 0 ? bs.length <= rest : as.length !== bs.length) return false;
  return as.every((t, i) => t === ">" || t === "*" || t === bs[i]);
}

const durableName = (account, durable) => (durable.startsWith(`${account}=`) ? durable : `${account}=${durable}`);

// reading is how a consumer is read. A durable that was deleted comes back to nobody, so that the loop ends with an error, where another makes its
// consumer anew.
const reading = (durable) => ({ abort_on_missing_resource: Boolean(durable) });

// bound is the durable that is there; else it is made.
async function bound(nc, stream, name, config, domain) {
  const where = domain ? { domain } : {};
  const jsm = await jetstreamManager(nc, { ...where, checkAPI: false });
  if (!(await consumerNamed(jsm, stream, name))) await jsm.consumers.add(stream, { durable_name: name, ack_policy: AckPolicy.Explicit, ...config });
  return jetstream(nc, where).consumers.get(stream, name);
}

async function consumerOf(nc, account, wanted, { durable, from = "new", prefix = "tg", own = false, history = false, domain }) {
  if (history) {
    if (!durable || own) throw new TypeError("history goes with a durable, and not with own");
    return bound(nc, streamName(prefix, "HISTORY"), durableName(account, durable), { filter_subject: `${prefix}.hist.${account}.>`, ...start(from) }, domain);
  }
  const all = streamName(prefix, "UPDATES");
  const stream = own ? `${all}_${account}` : all;
  const where = domain ? { domain } : {};
  if (!durable) return jetstream(nc, where).consumers.get(stream, { filter_subjects: wanted.length === 1 ? wanted[0] : wanted, ...start(from) });
  // As the Go client has it: the stream is all accounts', and work is shared between the languages.
  const name = durableName(account, durable);
  // Who may use a durable need not be permitted to ask for anything else, or to change it.
  const jsm = await jetstreamManager(nc, { ...where, checkAPI: false });
  const have = await consumerNamed(jsm, stream, name);
  if (!have) {
    const config = { durable_name: name, ack_policy: AckPolicy.Explicit, max_ack_pending: 256, ...filterOf(wanted), ...start(from) };
    await jsm.consumers.add(stream, config);
  } else if (!gives(have, wanted)) {
    await jsm.consumers.update(stream, name, filterOf(wanted));
  }
  return jetstream(nc, where).consumers.get(stream, name);
}

// filterOf: a single filter stands in the subject of the request, so that NATS permissions can grant one account's updates alone.
function filterOf(wanted) {
  return wanted.length === 1 ? { filter_subject: wanted[0], filter_subjects: undefined } : { filter_subject: undefined, filter_subjects: wanted };
}

// gives tells whether a consumer hands out what is wanted. One that was made without the gaps goes without them.
function gives({ filter_subject, filter_subjects }, wanted) {
  const have = filter_subjects?.length ? filter_subjects : filter_subject ? [filter_subject] : [">"];
  return wanted.every((w) => w.split(".").at(-3) === "gap" || have.some((h) => covers(h, w)));
}

// consumerNamed is the configuration of a consumer, if there is one. Its start cannot be changed.
async function consumerNamed(jsm, stream, name) {
  try {
    return (await jsm.consumers.info(stream, name)).config;
  } catch (err) {
    if (err instanceof JetStreamApiError && err.code === JetStreamApiCodes.ConsumerNotFound) return undefined;
    throw err;
  }
}

function start(from) {
  if (from instanceof Date) return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() };
  return { deliver_policy: from === "oldest" ? DeliverPolicy.All : DeliverPolicy.New };
}
