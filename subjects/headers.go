package subjects

// Headers of a request.
const (
	HeaderContentType = "Content-Type" // of an answer too
	HeaderAccept      = "Accept"
	HeaderLayer       = "Tg-Layer"    // of an answer and of an update too
	HeaderTimeout     = "Tg-Timeout"  // seconds, or 500ms, 2m
	HeaderRetry       = "Tg-Retry"    // any value: repeats a request of which the caller does not know what became
	HeaderMsgID       = "Nats-Msg-Id" // names a request; of an update: account/user/era/box/pts/index, and .1 ... of further parts
	HeaderRequestInfo = "Nats-Request-Info"
	HeaderReply       = "Tg-Reply" // parts: the answer may come in several messages
	HeaderOrder       = "Tg-Order" // free: in no order with other calls to the same chat
)

// ReplyParts is the one value of HeaderReply.
const ReplyParts = "parts"

// OrderFree is the one value of HeaderOrder.
const OrderFree = "free"

// HeaderPassed of a request that one owner of an account passes on to the next: the id of its service.
const HeaderPassed = "Tg-Passed"

// HeaderWaited of an answer says for how many seconds the request waited here for what: 2.4 flood, 0.3 order.
const HeaderWaited = "Tg-Waited"

// Headers of an answer that is an error.
const (
	HeaderErrorCode  = "Nats-Service-Error-Code"
	HeaderErrorText  = "Nats-Service-Error"
	HeaderError      = "Tg-Error" // Telegram's own text: FLOOD_WAIT_35
	HeaderRetryAfter = "Tg-Retry-After"
	HeaderSent       = "Tg-Sent"
)

// Headers of an answer.
const (
	HeaderReplayed = "Tg-Replayed" // when the call was made whose answer this is, for an earlier request with the same Nats-Msg-Id; RFC 3339
	HeaderPart     = "Tg-Part"     // i/n, in each message of an answer in parts
)

// Headers of an update.
const (
	HeaderType      = "Tg-Type"
	HeaderBox       = "Tg-Box"
	HeaderPts       = "Tg-Pts"
	HeaderDate      = "Tg-Date"
	HeaderState     = "Tg-State"
	HeaderUser      = "Tg-User"                // id of the user whose update it is: an account's name can pass on to another
	HeaderRequestID = "Tg-Request-Id"          // Nats-Msg-Id of the call that caused the update
	HeaderDelay     = "Tg-Delay"               // of a new message: how long after its date it came, in milliseconds (E36)
	HeaderBackfill  = "Tg-Backfill"            // true: out of history, into a gap that was said before (E12)
	HeaderBusiness  = "Tg-Business-Connection" // id of the connection by which an update came to a bot
	HeaderMessage   = "Tg-Msg-Id"              // of the message that it is about; of several, between commas
	HeaderTopic     = "Tg-Topic"               // the forum topic that the message stands in
	HeaderThread    = "Tg-Thread"              // the thread, of no forum topic, that the message stands in
	HeaderAlbum     = "Tg-Grouped-Id"          // what the messages of an album share
	HeaderRedacted  = "Tg-Redacted"            // of an answer too: why contents are missing
)

// HeaderThrough of a record of TG_STATE: the sequence of the stream of updates up to which it has what they say.
const HeaderThrough = "Tg-Through"

// Headers that callers neither write nor read.
const (
	HeaderRelayed = "Natsgram-Subject"   // of a request that one daemon passes on to another: where it came
	HeaderSource  = "Nats-Stream-Source" // of a message that a stream took out of another: by NATS

	HeaderBatchID       = "Nats-Batch-Id" // of messages that JetStream stores all or nothing
	HeaderBatchSequence = "Nats-Batch-Sequence"
	HeaderBatchCommit   = "Nats-Batch-Commit"
)

// Content types.
const (
	ContentJSON    = "application/json"
	ContentMsgpack = "application/msgpack"
	ContentTL      = "application/x-tl"
)
