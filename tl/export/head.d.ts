import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";

/** 64 bits as a decimal string: a number of JavaScript cannot hold all of them. */
export type Long = string;

/**
 * Base64. Two things that hardly ever come are not in the types: a double that is no number is a string ("NaN",
 * "Infinity"), and a string that is no UTF-8 is { base64: string }.
 */
export type Bytes = string;

/** An object of any constructor. */
export type AnyObject = { _: string; [field: string]: unknown } | boolean;

/** A method's name: "messages.sendMessage". */
export type MethodName = keyof Methods;

/** The methods that carry another call, in `query`. */
export type WrapperName = { [M in MethodName]: Methods[M]["result"] extends ResultOfQuery ? M : never }[MethodName];

/** What a method takes. */
export type Params<M extends MethodName> = Methods[M]["params"];

/** What a method answers. Of a wrapper that is what the call within it answers: see the declaration of call. */
export type Result<M extends MethodName> = Methods[M]["result"];

/** A call within a call, with its method in `_`. */
export type Call<M extends MethodName> = { _: M } & Params<M>;
export type AnyCall = { [M in MethodName]: Call<M> }[MethodName];

/** What a method may call the chat that it is about. */
export type ChatParam = "peer" | "channel" | "chat_id" | "to_peer" | "community" | "user_id" | "id" | "bot";

/** Stands for the result of the call that a wrapper carries. */
export interface ResultOfQuery { readonly __resultOfQuery: never }

export interface CallOptions {
  /** How long to wait, in milliseconds. 60000 where it is not given. */
  timeout?: number;
  /** Names the call, so that one repeated after a timeout with the same name is not executed twice. */
  msgId?: string;
  /** "free": the call may overtake others to the same chat, and be overtaken (Tg-Order). */
  order?: "free";
  /**
   * How often the call is made again where that is right: nobody answered, no daemon runs the account, or Telegram wants it to
   * wait. 0 where it is not given. Each time has the same msgId, and says that it repeats what may have been executed (Tg-Retry):
   * what could be executed twice is then refused by the daemon, and the first error thrown.
   */
  retries?: number;
  /** On the subjects of methods that only read (tg.ro), for who may call no others. */
  readOnly?: boolean;
  /** The first token of the subjects; "tg" where it is not given. */
  prefix?: string;
}

/**
 * Calls a method of Telegram's API on an account that a natsgram daemon runs. What goes wrong is a CallError, but for
 * what is wrong with the connection to NATS itself.
 */
export declare function call<W extends WrapperName, M extends MethodName>(
  nc: NatsConnection,
  account: string,
  method: W,
  params: Omit<Params<W>, "query"> & { query: { _: M } & Params<NoInfer<M>> },
  options?: CallOptions,
): Promise<Result<M>>;
export declare function call<M extends Exclude<MethodName, WrapperName>>(
  nc: NatsConnection,
  account: string,
  method: M,
  params: Params<M>,
  options?: CallOptions,
): Promise<Result<M>>;

/** A chat as subjects have it; "none.0" for a method that is about no chat. */
export type ChatName = `user.${string}` | `chat.${string}` | `channel.${string}` | "none.0";

export interface JobOptions {
  /** Names the job, up to 256 bytes: the same one with the same id is run once. Drawn where it is not given. */
  id?: string;
  /** From -9 to 9: higher goes first. */
  priority?: number;
  /** A time, or how long after the job was stored ("90s", "2h"). */
  notBefore?: Date | string;
  /** The same: what has not been run by then is not run any more. */
  expires?: Date | string;
  /** Of the jobs of a chat that wait with the same text the newest is run. */
  coalesce?: string;
  /** The first token of the subjects; "tg" where it is not given. */
  prefix?: string;
  /** The JetStream domain of natsgram's streams. */
  domain?: string;
}

/** A job that the stream has taken: it is not lost any more, whoever ends. */
export interface Job<M extends MethodName> {
  readonly id: string;
  readonly seq: number;
  /** The stream had it already, under the same id. */
  readonly duplicate: boolean;
  /**
   * Waits for what becomes of it. Where it is not in the queue any more and what became of it is not kept, that is a CallError, 404 and sent: "unknown".
   * Who may not read the queue is not told that.
   */
  result(options?: { signal?: AbortSignal }): Promise<JobResult<M>>;
}

export interface JobResult<M extends MethodName> {
  readonly state: "done" | "failed" | "unknown" | "expired" | "replaced" | "cancelled";
  readonly id: string;
  readonly tries: number;
  /** Of what is done. */
  readonly result?: Result<M>;
  /** Of what is not. */
  readonly error?: CallError;
}

/**
 * Stores a call that is made later: as soon as it may be, in the order of its chat, through restarts of the daemon and flood waits. The
 * parameter that names the chat (peer, channel ...) may be left out: the chat stands in for it.
 */
export declare function queue<M extends Exclude<MethodName, WrapperName>>(
  nc: NatsConnection,
  account: string,
  chat: ChatName,
  method: M,
  params: Omit<Params<M>, ChatParam> & Partial<Pick<Params<M>, keyof Params<M> & ChatParam>>,
  options?: JobOptions,
): Promise<Job<M>>;

/** Why a call failed: whose error it is, whether anything was sent, how long to wait. */
export declare class CallError extends Error {
  readonly name: "CallError";
  readonly method: string;
  /** As in HTTP; Telegram's own where the error is Telegram's. 503: nobody runs the account; 504: no answer in time. */
  readonly code: number;
  /** Telegram's own text, such as "FLOOD_WAIT_35"; undefined where the error is not Telegram's. */
  readonly tgError?: string;
  /** Whether the call reached Telegram. After "no" it is safe to try again. */
  readonly sent: "yes" | "no" | "unknown";
  /** How long to wait before the next try, in seconds; undefined: nobody said. */
  readonly retryAfter?: number;
}

/**
 * What updates are called: constructors of tl.Update, "gap" for what Telegram could not give back, and "unknown" for what it
 * wrote in a newer layer than the daemon has.
 */
export type UpdateName = tl.Update["_"] | "gap" | "unknown";

export interface UpdatesOptions<T extends UpdateName> {
  /** Only these, and gaps; all where it is not given. */
  type?: T | readonly T[];
  /** false: no gaps beside the types that are given. */
  gaps?: boolean;
  /** Only what belongs to such a chat. */
  kind?: "user" | "chat" | "channel" | "secret" | "none";
  /** Only what belongs to the chat with this bare id. */
  id?: Long;
  /**
   * The name of a durable consumer: the server remembers what was acknowledged, and shares the updates out among all
   * programs that use the name, those in Go as well. In NATS it is called ACCOUNT=NAME. Without it every loop gets all, in order, and there is nothing to acknowledge.
   */
  durable?: string;
  /** Where a new consumer begins: with what comes from now on where it is not given. One that there is goes on where it was. */
  from?: "oldest" | "new" | Date;
  /** From the stream of the account's own (natsgram streams add), where NATS can permit consumers of any name. */
  own?: boolean;
  /**
   * From the stream TG_HISTORY instead: messages of the past that somebody has had fetched, as the updates that they would be if they came now. It
   * goes with a durable, by which a user of NATS with the role consumer may read.
   */
  history?: boolean;
  /** The JetStream domain that the stream is in: "natsgram" where its NATS account is another one, from which JetStream is imported. */
  domain?: string;
  /** The first token of the subjects; "tg" where it is not given. */
  prefix?: string;
  /** Ends the loop when it is aborted. */
  signal?: AbortSignal;
}

/** What every message has. */
export interface Message<T extends UpdateName | "redacted"> extends LiveMessage<T> {
  /** The message's number in the stream. */
  readonly seq: number;
  /** Says that the update is done with. Of a durable consumer, what is not acknowledged comes again. */
  ack(): void;
}

/** What every message has that no stream keeps. */
export interface LiveMessage<T extends UpdateName | "redacted"> {
  readonly type: T;
  readonly subject: string;
  /** Tg-Box, Tg-Pts, Tg-Date, Tg-Delay and the others of natsgram's README. */
  readonly headers?: MsgHdrs;
}

/** The contents of an update, with just the users and chats that it mentions. */
export interface Contents<T extends tl.Update["_"]> {
  readonly update: Extract<tl.Update, { _: T }>;
  readonly users: tl.User[];
  readonly chats: tl.Chat[];
  /** What is left out, and why: "service message", the texts of one that could hold a login code; "users and chats". */
  readonly withheld?: string;
}

export interface Update<T extends tl.Update["_"]> extends Message<T>, Contents<T> {}

/** An update whose contents are not in the stream, such as one too large for NATS, with what is needed to fetch it. */
export interface Redacted extends Message<"redacted"> {
  /** What the update is called. */
  readonly of: string;
  readonly redacted: { reason: string; [field: string]: unknown };
}

/** Says that Telegram cannot give back what was between two places of a box. */
export interface Gap extends Message<"gap"> {
  readonly gap: { box: string; from: number; to: number; reason: string; filled: boolean };
}

/** An update, or several side by side, that the daemon's layer cannot read. */
export interface Unknown extends Message<"unknown"> {
  /** Its TL, as Telegram sent it. */
  readonly data: Uint8Array;
}

/** The message of an update by its name. */
export type Received<T extends UpdateName> = T extends "gap" ? Gap : T extends "unknown" ? Unknown : T extends tl.Update["_"] ? Update<T> : never;

/**
 * The updates of an account, from the JetStream stream that natsgram keeps them in. None is passed over: what is missing is
 * told as a Gap, what has no contents as Redacted. Leaving the loop ends the subscription.
 */
export declare function updates<T extends UpdateName = UpdateName>(
  nc: NatsConnection,
  account: string,
  options?: UpdatesOptions<T>,
): AsyncGenerator<Received<T> | Gap | Redacted, void, undefined>;

export interface LiveOptions<T extends tl.Update["_"]> {
  /** Only these; all where it is not given. */
  type?: T | readonly T[];
  /** Only what belongs to such a chat. */
  kind?: "user" | "chat" | "channel" | "secret" | "none";
  /** Only what belongs to the chat with this bare id. */
  id?: Long;
  /** The first token of the subjects; "tg" where it is not given. */
  prefix?: string;
  /** Ends the loop when it is aborted. */
  signal?: AbortSignal;
}

/** What stands for an InputFile in a call: an object of NATS, which the daemon brings to Telegram. */
export type ObjectName = `object:${string}/${string}`;

/** How a file is put where calls can name it. */
export interface UploadOptions {
  /** The first token of the subjects; "tg" where it is not given. */
  prefix?: string;
  /** JetStream domain of natsgram's own NATS. */
  domain?: string;
  /** For the daemon to make the object store where it is missing, in milliseconds. */
  timeout?: number;
}

/**
 * Puts a file into the object store TG_FILES, so that calls can name it wherever an InputFile is wanted. It takes the package
 * @nats-io/obj. The object stays there for some days.
 */
export declare function upload(
  nc: NatsConnection,
  account: string,
  name: string,
  data: Blob | Uint8Array | ReadableStream<Uint8Array>,
  options?: UploadOptions,
): Promise<ObjectName>;

/** Where a message or a story is. The peer may be text: "me", "@news", "channel.123". */
export interface MessagePlace {
  peer: tl.InputPeer;
  id: number;
}

/** Which file of Telegram's is meant, by one of these. */
export type FileSource =
  /** Of a message or story: https://t.me/news/5. */
  | { link: string }
  | { message: MessagePlace }
  | { story: MessagePlace }
  /** The photo that a user, group or channel has now. */
  | { photo_of: tl.InputPeer }
  /** The id of a custom emoji. */
  | { emoji: Long }
  /** What an update or an answer holds. Once its reference has expired it cannot be fetched: name the message instead. */
  | { document: tl.Document }
  | { photo: tl.Photo }
  | { location: tl.InputFileLocation | tl.InputWebFileLocation };

export type FileOf = FileSource & {
  /** "original" where it is not given, "thumb", or a type of Telegram's: "m", "x", "y". */
  size?: string;
  /** Where to begin: how many bytes are there already. */
  offset?: number;
};

export interface DownloadOptions {
  /** How long to wait for each range of the file, in milliseconds. 60000 where it is not given. */
  timeout?: number;
  /** The first token of the subjects; "tg" where it is not given. */
  prefix?: string;
  /** Ends the download with its reason when it is aborted. */
  signal?: AbortSignal;
}

/** A file of Telegram's, whose bytes are read by going through it. */
export interface Download extends AsyncIterable<Uint8Array> {
  /** As its sender calls it, or "": do not take it for a path. */
  name: string;
  /** Of the whole file, in bytes. 0: not known. */
  size: number;
  mime_type: string;
}

/**
 * Fetches a file of any size, range by range, with no right but to tg.file. It goes wherever an async iterable of bytes does:
 * `await writeFile("video.mp4", await download(...))`, or `pipeline(await download(...), createWriteStream("video.mp4"))`. The next range
 * is asked for when the one before has been taken. What goes wrong is a CallError, whose method is "file.get", once it has been tried
 * again where that can help; a later call goes on from an offset.
 */
export declare function download(nc: NatsConnection, account: string, of: FileOf, options?: DownloadOptions): Promise<Download>;

/** Which messages of the past are meant. */
export interface HistoryOf {
  /** The chat, as calls take it: "@news", a t.me link, "channel.123", "me", or the peer_id of a message. */
  peer: tl.InputPeer | tl.Peer;
  /** The first message: its id, or a date as text: "2026-01-31", "2026-01-31T12:00:00Z", "@1769860800". */
  from?: number | string;
  /** The last, in the same way. Both are included. */
  to?: number | string;
  /** The newest so many of these; all where it is not given. */
  limit?: number;
  /** Those of a forum's topic alone, or of a thread outside of forums, by the id of the message that began it. */
  topic?: number;
}

/** A job that fetches messages into the stream TG_HISTORY. */
export interface HistoryJob {
  id: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  peer: string;
  subject: string;
  /** Messages that were looked at, and of them those that were not in the stream before. */
  done: number;
  stored: number;
  /** How many there are to come at most, as far as that is known. */
  of?: number;
  percent: number;
  /** Ids of the messages that are wanted. */
  first?: number;
  last?: number;
  /** The sequence of the stream of updates behind which updates go on where the history ends. */
  through?: number;
  /** What it waits for. */
  reason?: string;
  error?: string;
  code?: number;
  /** The basic group that the chat was, whose messages are a history of their own. */
  migrated_from?: string;
}

export interface HistoryOptions {
  /** Is told how far the job is, some times a second. */
  progress?: (job: HistoryJob) => void;
  /** How long to wait for each answer, in milliseconds. 60000 where it is not given. */
  timeout?: number;
  prefix?: string;
  domain?: string;
  /** Ends the loop when it is aborted; the job goes on. */
  signal?: AbortSignal;
}

/**
 * Has messages of a chat fetched into the stream TG_HISTORY, and gives them as the updates that they would be if they came now: those of the
 * range that stand there, in the order of the stream. That is by id where one job has fetched them all; a later job for older ones has
 * written behind it. Leaving the loop ends the subscription.
 */
export declare function history(
  nc: NatsConnection,
  account: string,
  of: HistoryOf,
  options?: HistoryOptions,
): AsyncGenerator<(Update<"updateNewMessage"> | Update<"updateNewChannelMessage"> | Redacted) & { seq: number }, void, undefined>;

/** A user or chat as the daemon knows it. */
export interface Peer {
  kind: "user" | "chat" | "channel";
  /** Bare. */
  id: string;
  /** Not given where only the id is known. */
  type?: "user" | "bot" | "chat" | "supergroup" | "channel";
  name?: string;
  /** Without @. */
  usernames?: string[];
  /** It was seen in passing only: not all calls take it. */
  min?: true;
  /** It is the account itself. */
  self?: true;
  /** Of resolve: calls may name it, and nothing has ever told that it is there. */
  unseen?: true;
}

/** Whom a search is for. */
export interface PeerSearch {
  /** With which a name, a word of it, or a username begins; everybody where it is not given. */
  text?: string;
  kind?: "user" | "chat" | "channel";
  /** At most 200; 20 where it is not given. */
  limit?: number;
}

export interface PeersOptions {
  /** How long to wait for each answer, in milliseconds. 60000 where it is not given. */
  timeout?: number;
  prefix?: string;
  signal?: AbortSignal;
}

/**
 * The users and chats that an account knows, named in every way that calls take: @name, +phone, user.5, a t.me link, me. Errors are a CallError, with
 * the code 404 where nobody is known. Roles reader and writer may ask.
 */
export declare const peers: {
  /** What the daemon knows of a peer, without a question to Telegram. */
  get(nc: NatsConnection, account: string, peer: tl.InputPeer | tl.Peer, options?: PeersOptions): Promise<Peer>;
  /** A peer as a call that names it finds it, which may ask Telegram: then the error is Telegram's, such as FLOOD_WAIT; of a name that is nobody's, 404 USERNAME_NOT_OCCUPIED. */
  resolve(nc: NatsConnection, account: string, peer: tl.InputPeer | tl.Peer, options?: PeersOptions): Promise<Peer>;
  /** Peers by their names, without a question to Telegram; more: there are others than those. */
  search(nc: NatsConnection, account: string, of?: PeerSearch, options?: PeersOptions): Promise<{ peers: Peer[]; more: boolean }>;
};

/** A live update by its name. */
export type Live<T extends tl.Update["_"]> = T extends tl.Update["_"] ? LiveMessage<T> & Contents<T> : never;

/** What is not worth keeping, as it comes: who types, who is online, calls that ring. Leaving the loop ends the subscription. */
export declare function live<T extends tl.Update["_"] = tl.Update["_"]>(
  nc: NatsConnection,
  account: string,
  options?: LiveOptions<T>,
): AsyncGenerator<Live<T>, void, undefined>;

/** A dialog of an account as it is now. */
export interface ChatState {
  kind: "user" | "chat" | "channel";
  /** Bare. */
  id: string;
  /** What messages.getDialogs would give, without the pts of a channel; not given where it was not asked for yet. */
  dialog?: Extract<tl.Dialog, { _: "dialog" }>;
  /** Of the user or chat, when Telegram was asked last. */
  name?: string;
  /** Of the newest message, Unix seconds. */
  date?: number;
  /** Its place among the pinned ones of its folder, from 1. */
  pin?: number;
  /** More has changed than is known: Telegram is being asked, and another record will come. */
  stale?: boolean;
  /** There is no such dialog any more. */
  gone?: boolean;
  /** The sequence of the stream of updates up to which it has what they say. */
  through: number;
  /** How many more there are to come of those that were there when reading began; what comes then is what changes. */
  left: number;
}

/**
 * The dialogs of an account as they are now, and then each as it changes. The daemon keeps them for accounts that NATSGRAM_STATE names. Leaving
 * the loop ends the subscription. With a durable, ACCOUNT=NAME in NATS as for updates, the next loop goes on with what has changed since; that is
 * how a user of NATS with the role consumer may read, who makes no consumers.
 */
export declare function chats(
  nc: NatsConnection,
  account: string,
  options?: { durable?: string; prefix?: string; domain?: string; signal?: AbortSignal },
): AsyncGenerator<ChatState, void, undefined>;

/** Something in the account's own life: "connected", "flood.wait", "owner.gained" ... */
export interface Event {
  event: string;
  account: string;
  /** When, in RFC 3339. */
  at: string;
  [field: string]: unknown;
}

/** The account's own life, as it goes on. Leaving the loop ends the subscription. */
export declare function events(nc: NatsConnection, account: string, options?: { prefix?: string; signal?: AbortSignal }): AsyncGenerator<Event, void, undefined>;
