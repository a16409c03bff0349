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
  const { timeout = defaultTimeout, msgId, prefix = "tg" } = options;
  const h = headers();
  h.set("Tg-Timeout", String(timeout / 1000));
  if (msgId) h.set("Nats-Msg-Id", msgId);
  let reply;
  try {
    // The daemon answers within the time; what is added is for the way there and back.
    reply = await nc.request(`${prefix}.rpc.${account}.${method}`, JSON.stringify(params), { headers: h, timeout: timeout + 2_000 });
  } catch (err) {
    throw unanswered(account, method, err);
  }
  if (reply.headers?.get("Nats-Service-Error-Code")) throw new CallError(method, reply.json());
  return reply.json();
}

// unanswered is what it means that no reply came.
function unanswered(account, method, err) {
  if (err instanceof errors.RequestError && err.isNoResponders()) {
    return new CallError(method, { code: 503, error: `no natsgram daemon runs the account ${account}`, sent: "no" }, err);
  }
  if (err instanceof errors.TimeoutError || err.cause instanceof errors.TimeoutError) {
    return new CallError(method, { code: 504, error: "no answer in time", sent: "unknown" }, err);
  }
  return err;
}

export async function* updates(nc, account, options = {}) {
  const consumer = await consumerOf(nc, account, options);
  const messages = await consumer.consume();
  const ack = options.durable ? (m) => m.ack() : () => {};
  try {
    for await (const m of messages) {
      if (m.headers?.get("Tg-Type") === "state") {
        ack(m); // the daemon's own: what of an account's state had no room beside an update
        continue;
      }
      if (m.headers?.get("Tg-Redacted")) {
        ack(m);
        continue;
      }
      const type = m.headers?.get("Content-Type");
      if (m.headers?.get("Tg-Type") === "unknown") {
        yield { type: "unknown", subject: m.subject, headers: m.headers, seq: m.seq, ack: () => ack(m), data: m.data };
        continue;
      }
      if (type && type !== "application/json") {
        throw new Error(`updates are stored as ${type}: set NATSGRAM_UPDATE_ENCODING=json for the daemon`);
      }
      yield { type: m.headers?.get("Tg-Type"), subject: m.subject, headers: m.headers, seq: m.seq, ack: () => ack(m), ...m.json() };
    }
  } finally {
    await messages.close();
  }
}

async function consumerOf(nc, account, { type = "*", kind = "*", id = "*", durable, from = "new", prefix = "tg", own = false, domain }) {
  const all = `${prefix.toUpperCase().replaceAll(".", "_")}_UPDATES`;
  const stream = own ? `${all}_${account}` : all;
  const where = domain ? { domain } : {};
  const filters = [type].flat().map((t) => `${prefix}.upd.${account}.${t.replaceAll(".", "%2E")}.${kind}.${id}`);
  // A single filter stands in the subject of the request, so that NATS permissions can grant one account's updates alone.
  const filter = filters.length === 1 ? { filter_subject: filters[0] } : { filter_subjects: filters };
  if (!durable) return jetstream(nc, where).consumers.get(stream, { filter_subjects: filters.length === 1 ? filters[0] : filters, ...start(from) });
  // Who may use a durable need not be permitted to ask for anything else, or to change it.
  const jsm = await jetstreamManager(nc, { ...where, checkAPI: false });
  const have = await consumerNamed(jsm, stream, durable);
  if (!have || !sameFilter(have, filters)) {
    const begin = have ? { deliver_policy: have.deliver_policy, opt_start_time: have.opt_start_time } : start(from);
    await jsm.consumers.add(stream, { durable_name: durable, ack_policy: AckPolicy.Explicit, ...filter, ...begin });
  }
  return jetstream(nc, where).consumers.get(stream, durable);
}

function sameFilter(config, filters) {
  return String(config.filter_subjects ?? config.filter_subject ?? "") === String(filters);
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
