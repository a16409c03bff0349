package catalog

import (
	"fmt"
	"strings"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/export"
)

type (
	object = export.Object
	member = export.Member
)

// fields is the fields of an object in short: "dc:int error?:string". Types are int, long, number, string, time, bool,
// object, strings; with ? a field may be missing.
type fields string

// fieldTypes are what the types of fields are in JSON Schema.
var fieldTypes = map[string]object{
	"int":     {{"type", "integer"}},
	"number":  {{"type", "number"}},
	"string":  {{"type", "string"}},
	"any":     {},
	"time":    {{"type", "string"}, {"format", "date-time"}},
	"bool":    {{"type", "boolean"}},
	"object":  {{"type", "object"}},
	"strings": {{"type", "array"}, {"items", object{{"type", "string"}}}},
	"ints":    {{"type", "array"}, {"items", object{{"type", "integer"}}}},
	"objects": {{"type", "array"}, {"items", object{{"type", "object"}}}},
}

// schema is the fields as a JSON Schema. first stand before them, and are required.
func (f fields) schema(first ...member) object {
	var properties object
	var required []string
	for _, m := range first {
		properties = append(properties, m)
		required = append(required, m.Key())
	}
	for field := range strings.FieldsSeq(string(f)) {
		name, kind, _ := strings.Cut(field, ":")
		name, optional := strings.CutSuffix(name, "?")
		properties = append(properties, member{name, fieldTypes[kind]})
		if !optional {
			required = append(required, name)
		}
	}
	o := object{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}}
	if len(required) > 0 {
		o = append(o, member{"required", required})
	}
	return o
}

// event is something in an account's own life, told on tg.evt.<account>.<name>.
type event struct {
	name, about string
	fields      fields // beside event, account and at
}

// byChat is the event that is told of each chat by itself: kind and id are at the end of its subject.
const byChat = "erased"

// aPeer is what is told of one.
const aPeer = "kind:string id:string type?:string name?:string usernames?:strings min?:bool self?:bool unseen?:bool"

// historyEnd is what is told of a job that fetches history.
const historyEnd = "job:string peer:string done:int stored:int percent:int"

var events = []event{
	{"owner.gained", "a daemon runs the account now; signed_in false: somebody has to sign in", "owner:string epoch?:int signed_in?:bool"},
	{"owner.lost", "a daemon has given the account up, or lost it", "epoch:int reason:string by?:string"},
	{"connected", "calls are answered at a data centre", "dc:int layer:int rtt_ms:number"},
	{"disconnected", "a connection was lost or could not be made; the next try is after next_ms",
		"dc:int attempt:int next_ms:number error:string"},
	{"migrated", "the account's home is another data centre now", "from:int to:int"},
	{"session.new", "the server began a new session: what was missed is fetched", "dc:int"},
	{"key.created", "a key exchange was done", "dc:int took_ms:number temporary:bool"},
	{"speed.limited", "Telegram slows down the account's files, as it does without Premium; their parts wait", "upload:bool seconds:number"},
	{"init.refused", "a data centre takes our connection and refuses calls for now; it is asked again after next_ms",
		"dc:int next_ms:number error:string"},
	{"key.doubted", "a data centre seems not to know our key", "dc:int times:int"},
	{"key.destroyed", "a data centre has forgotten the key of an account that signed out, or why not", "dc:int error:string"},
	{"file.done", "a job's file is there", fileEnd},
	{"file.failed", "it is not, and nothing is left of the attempt; 410: the job was cancelled", fileEnd + " error:string code:int"},
	{"flood.wait", "Telegram wants a method to wait; with waits the call sits it out", "method:string seconds:number waits:bool"},
	{"throttled", "connecting is slowed down", "dc:int wait_ms:number"},
	{"auth.ok", "somebody signed in", "user_id:int bot:bool"},
	{"auth.lost", "the account is signed out here", "error:string"},
	{"auth.state", "a login waits for something else now", ""},
	{"auth.new", "the account was signed in elsewhere", "hash:string unconfirmed:bool date:time device:string location:string"},
	{"frozen", "Telegram has frozen the account", "method:string since:time until:time appeal:string"},
	{"writes.frozen", "the account was frozen, and writes nothing; also when a daemon takes it that was frozen before",
		"reason:string since:time"},
	{"writes.resumed", "it may write again", ""},
	{"notice", "a word of Telegram's to the owner of the account", "type:string popup:bool drops_key:bool text?:string"},
	{"config", "Telegram's configuration was read", "options:int expires:time"},
	{"save.failed", "the session could not be stored", "error:string"},
	{"session.foreign", "something that is no session of the account stood in its place in the vault; the session was written over it",
		"found:string"},
	{"storage.lost", "a stream or bucket was deleted or emptied, and made anew; up_to is the last sequence it had",
		"storage:string up_to:int cause:string"},
	{byChat, "what was kept of a person or a chat was taken out, up to a sequence of the stream of updates",
		"peer:string streams:object up_to:int"},
	{"history.progress", "how far a job is that fetches history, each second; of: how many messages there are to come at most",
		historyEnd + " of?:int"},
	{"history.done", "all that was asked for is in TG_HISTORY; what came behind the sequence through of the stream of updates is there",
		historyEnd + " of?:int took_ms:int through:int"},
	{"history.failed", "it cannot be fetched, or the job was cancelled; what was fetched stays",
		historyEnd + " of?:int took_ms:int error:string code:int"},
	{"gap", "updates that Telegram cannot give back; the stream says it too", gapFields},
	{"updates.held", "JetStream does not take updates, or is behind: they wait, and are left with Telegram",
		"reason:string waiting_bytes:int"},
	{"updates.resumed", "it has caught up", "held_ms:number left:int parked:int declined:int"},
	{"updates.behind", "Telegram gives no difference for minutes, so that missed updates are not fetched",
		"error:string last_difference:time"},
	{"updates.caught_up", "it gives them again", ""},
	{"clock.skew", "the machine's clock differs from Telegram's, or does not any more; said once by a daemon", "ahead_seconds:number"},
	{"updates.redacted", "an update is in the stream without its contents: JetStream does not take it with them",
		"type:string box:string pts:string subject:string id:string reason:string"},
	{"queue.unknown", "of a job nobody knows whether it was executed; it waits for queue.retry or queue.cancel",
		"job:string seq:int chat:string method:string reason:string"},
	{"file.progress", "how far a large file is on its way, each second: to telegram, or to nats; with job where it is one",
		"job?:string bucket:string object:string done:int size?:int to:string"},
	{"updates.unreadable", "an update that this layer cannot read", "box:string error:string"},
}

// redactedFields are of an update that is in the stream without its contents: enough to fetch them.
const redactedFields = "reason:string box:string pts:int kind:string id:string message_ids:ints message_ids_left_out:int bytes:int"

const fileEnd = "job:string bucket:string object:string size:int took_ms:int to:string"

const gapFields = "box:string from:int to:int reason:string filled:bool"

// verb is a control subject: tg.ctl.<account>.<name>, or the daemon's own, tg.ctl._.<name>.
type verb struct {
	name, about     string
	own             bool // the daemon's
	request, answer fields
}

const (
	budget     = "name:string methods:strings caller?:string calls?:int stars?:int any_price?:bool"
	used       = " standing?:bool used:object free_at:time"
	loginState = "step:string phone?:string code?:object qr?:object email?:object hint?:string has_recovery?:bool terms?:string " +
		"user_id?:int bot?:bool"
	watched   = "channels:strings left?:strings"
	anAccount = "account:string state:string owner?:string daemon?:string since?:time signed_in:bool user_id?:int bot?:bool error?:string"
	published = "format:string content_type:string layer:int size:int digest:string document?:string bucket?:string object?:string"
)

var verbs = []verb{
	{"status", "how the account does", false, "", "account:string state:string since:time error?:string user_id?:int bot?:bool dc?:int " +
		"layer?:int owner?:string epoch?:int follows_updates:bool requests_in_flight:int updates_waiting_bytes:int " +
		"updates_waiting_since?:time last_heard?:time " +
		"session_foreign?:object updates_held?:object updates_stored:int pts?:int last_difference?:time difference_error?:string " +
		"clock_ahead_seconds?:number ways?:objects " +
		"flood_waits?:objects flood_waits_more?:int jobs?:object dialogs?:object frozen?:object"},
	{"freeze", "stop everything that the account writes; when this is answered nothing more is written, by any daemon, until unfreeze",
		false, "reason?:string",
		"frozen:bool reason:string since:time"},
	{"unfreeze", "let it write again", false, "", "frozen:bool"},
	{"budget.set", "limit how often methods are called in a day, and how many Stars they may spend", false, budget, budget + used},
	{"budget.list", "the budgets, and what was used of them today", false, "", "budgets:objects"},
	{"budget.remove", "forget a budget", false, "name:string", "removed:string"},
	{"queue.list", "the jobs that wait: for what, until when, and the last error. With next there are more: ask again with after", false,
		"chat?:string after?:int limit?:int", "jobs:objects waiting:int chats:int held?:string next?:int"},
	{"queue.cancel", "take a job out of the queue that is not being run, or with all those of a chat", false,
		"job?:string seq?:int chat?:string all?:bool", "job?:string seq?:int chat?:string method?:string state?:string cancelled?:int " +
			"running?:int"},
	{"queue.retry", "try a job now that waits, or run one again of which nobody knows whether it was executed", false,
		"job?:string seq?:int chat?:string", "job:string seq:int chat:string method:string state:string"},
	{"history.fetch", "write messages of a chat into the stream TG_HISTORY, oldest first: all of a range, or the newest limit of it. " +
		"from and to are ids of messages, or dates as text. The same request again is the same job", false,
		"peer:any from?:any to?:any limit?:int topic?:int", "job:object"},
	{"history.list", "the jobs that fetch history, and those that ended lately", false, "job?:string", "jobs:objects"},
	{"history.cancel", "end one of these; what it has fetched stays", false, "job:string", "cancelled:string"},
	{"peers.get", "what is known of a peer, by id, username or link; Telegram is not asked", false, "peer:any", aPeer},
	{"peers.resolve", "find a peer as a call does that names it; Telegram may be asked", false, "peer:any", aPeer},
	{"peers.search", "the peers whose name, a word of it, or a username begins with a text; more: there are others", false,
		"text?:string kind?:string limit?:int", "peers:objects more?:bool"},
	{"chats", "the account's dialogs as they are now, in the order of a list: the pinned ones, then by their newest message; of accounts " +
		"in NATSGRAM_STATE. complete: nothing is being asked for", false,
		"folder?:int offset?:int limit?:int", "through:int complete:bool total:int chats:objects"},
	{"erase", "take out of streams and buckets what is kept of a person or a chat; dry_run: only count it", false,
		"peer:any dry_run?:bool", "peer:string name?:string names?:strings streams:object peers:bool dry_run?:bool up_to:int"},
	{"watch.add", "look at channels again and again", false, "channels:strings", watched},
	{"watch.remove", "look at channels no longer", false, "channels:strings", watched},
	{"watch.list", "which channels are looked at", false, "", watched},
	{"login.start", "begin to sign in: by code, as a bot, or by QR code", false, "phone?:string bot_token?:string qr?:bool", loginState},
	{"login.await", "wait for a QR code to be scanned, or to change", false, "", loginState},
	{"login.code", "the code that Telegram sent", false, "code:string", loginState},
	{"login.password", "the password of two-step verification", false, "password:string", loginState},
	{"login.signup", "make a new account", false, "first_name:string last_name?:string", loginState},
	{"login.email", "an e-mail address to sign in with, where Telegram asks for one", false, "email:string", loginState},
	{"login.email_code", "the code that was sent to it", false, "code:string", loginState},
	{"login.resend", "send the code by another way", false, "", loginState},
	{"login.status", "what the login waits for", false, "", loginState},
	{"login.cancel", "end the login", false, "", loginState},
	{"logout", "sign out at Telegram; somebody has to sign in anew", false, "", "logged_out:bool"},
	{"accounts.list", "all accounts: which daemon runs each, since when, and how it does. With next there are more: ask again with after",
		true,
		"after?:string limit?:int", "accounts:objects next?:string"},
	{"health", "how every daemon does, and what keeps it from being ready; the same as /readyz and /healthz tell of one", true, "",
		"ready:bool healthy:bool daemons:objects"},
	{"accounts.add", "make an account known; it waits for a login", true, "account:string", anAccount},
	{"accounts.move", "hand an account over to a daemon, by its name or id, or to the one with least to do", true,
		"account:string to?:string", anAccount + " from:string from_daemon?:string took_ms:number"},
	{"accounts.remove", "stop an account and delete its session; with logout sign out at Telegram, with purge delete its updates too", true,
		"account:string logout?:bool purge?:bool", "account:string logged_out:bool purged:bool still_named_by?:strings"},
	{"schema", "documents like this one: which there are, or the one in format. One too large for a message is in a JetStream object store",
		true, "format?:string", ""},
}

// fileVerbs are what is asked on tg.file.<account>.<name>.
var fileVerbs = []verb{
	{subjects.FileGet, "fetch a file: as the answer, or with to: object into an object store. Where that takes longer than the caller " +
		"waits, the answer is the job", false,
		"link?:string message?:object story?:object photo_of?:any emoji?:string document?:object photo?:object location?:object size?:string " +
			"offset?:int limit?:int to?:string job?:bool",
		"file?:object job?:object"},
	{subjects.FilePut, "bring an object to Telegram, for an InputFile; where that takes longer than the caller waits, the answer is the job",
		false, "object:string job?:bool", "file?:object job?:object"},
	{subjects.FileList, "the jobs that bring files into object stores and to Telegram", false, "", "jobs:objects"},
	{subjects.FileCancel, "end one of these; what there is of its object is taken away", false, "job:string", "cancelled:string"},
}

// header is a header with what it says.
type header struct {
	name, about string
	pattern     string   // of its value; empty: any
	values      []string // that it may have; none: any
}

var (
	contentTypes   = []string{subjects.ContentJSON, subjects.ContentMsgpack, subjects.ContentTL}
	requestHeaders = []header{
		{subjects.HeaderContentType, "encoding of the request; JSON where it is not given", "", contentTypes},
		{subjects.HeaderAccept, "encoding of the answer; the request's where it is not given", "", nil},
		{subjects.HeaderLayer, "of a request in raw TL: the layer that it is in", "^[0-9]+$", nil},
		{subjects.HeaderTimeout, "how long the caller waits, in seconds, or as 500ms, 2m; the daemon has a bound of its own", "", nil},
		{subjects.HeaderMsgID, "names the request, in up to 256 bytes of printable text: one with the same name is executed once, and a " +
			"later one gets the first one's answer", "", nil},
		{subjects.HeaderRetry, "any value: the request repeats another whose answer was lost; what Telegram could execute twice is refused",
			"", nil},
		{subjects.HeaderReply, "the answer may come in several messages, and ends with an empty one", "", []string{subjects.ReplyParts}},
		{subjects.HeaderOrder, "free: in no order with other calls that write to the same chat", "", []string{subjects.OrderFree}},
	}
	answerHeaders = []header{
		{subjects.HeaderPart, "of an answer in parts: which of how many this is", "^[0-9]+/[0-9]+$", nil},
		{subjects.HeaderContentType, "encoding of the answer", "", contentTypes},
		{subjects.HeaderLayer, "of an answer in raw TL: the layer that it is in", "^[0-9]+$", nil},
		{subjects.HeaderRedacted, "why the answer lacks something: it holds a service message, whose texts are withheld; or it is told " +
			"again, and was too large to be kept, or lost and found", "",
			[]string{"service message", "sign-in token", "too large", "found in the chat"}},
		{subjects.HeaderWaited, waitedAbout, "", nil},
		{subjects.HeaderReplayed, "when the call was made whose answer this is: an earlier request had the same Nats-Msg-Id", "", nil},
	}
	faultHeaders = []header{
		{subjects.HeaderContentType, "encoding of the body", "", contentTypes},
		{subjects.HeaderErrorCode, "as in HTTP; Telegram's own where the error is Telegram's", "^[0-9]+$", nil},
		{subjects.HeaderErrorText, "what is wrong and where", "", nil},
		{subjects.HeaderError, "Telegram's own text: FLOOD_WAIT_35", "", nil},
		{subjects.HeaderRetryAfter, "how many seconds to wait", "^[0-9]+$", nil},
		{subjects.HeaderSent, "did the call reach Telegram; after no it is safe to try again", "",
			[]string{string(answer.Yes), string(answer.No), string(answer.Unknown)}},
		{subjects.HeaderWaited, waitedAbout, "", nil},
	}
	jobHeaders = []header{
		{subjects.HeaderPriority, "-9 to 9: higher goes first; 0 where it is not given", "^-?[0-9]$", nil},
		{subjects.HeaderNotBefore, "a time (RFC 3339, Unix seconds), or how long after it was stored, in seconds or as 90s, 2h", "", nil},
		{subjects.HeaderExpires, "the same: after that it is not to be run", "", nil},
		{subjects.HeaderCoalesce, "any text, up to 256 bytes: of the jobs of a chat that wait with the same one the newest is run", "", nil},
	}
	resultHeaders = []header{
		{subjects.HeaderJob, "the job's id: its Nats-Msg-Id, or its sequence", "", nil},
		{subjects.HeaderJobSeq, "its sequence in the stream", "^[0-9]+$", nil},
		{subjects.HeaderJobState, "how it ended", "", []string{"done", "failed", "unknown", "expired", "replaced", "cancelled"}},
		{subjects.HeaderMethod, "its method, with the dot as %2E", "", nil},
		{subjects.HeaderTries, "how often it was tried", "^[0-9]+$", nil},
		{subjects.HeaderJobDigest, "of method and body", "", nil},
	}
	stateHeaders = []header{
		{subjects.HeaderContentType, "encoding of the record", "", []string{subjects.ContentJSON}},
		{subjects.HeaderThrough, "the sequence of the stream of updates up to which it has what they say", "^[0-9]+$", nil},
		{subjects.HeaderUser, "the id of the user whose dialogs they are", "^[0-9]+$", nil},
		{subjects.HeaderLayer, "the layer of its types", "^[0-9]+$", nil},
	}
	fileHeaders = []header{
		{subjects.HeaderContentType, "the file's media type", "", nil},
		{subjects.HeaderFile, "what is known of it, in JSON: name, size (of the whole file), offset, mime_type", "", nil},
		{subjects.HeaderPart, "which of how many messages this is", "^[0-9]+/[0-9]+$", nil},
	}
	updateHeaders = []header{
		{subjects.HeaderContentType, "encoding of the update; raw TL of unknown", "", contentTypes},
		{subjects.HeaderType, "the update's constructor", "", nil},
		{subjects.HeaderBox, "the sequence that it belongs to", "^(common|secret|none|channel\\.[0-9]+)$", nil},
		{subjects.HeaderPts, "its place in that sequence", "^[0-9]+$", nil},
		{subjects.HeaderDate, "when it happened, Unix seconds", "^[0-9]+$", nil},
		{subjects.HeaderLayer, "the layer of its types", "^[0-9]+$", nil},
		{subjects.HeaderState, "the account's update state once this message is stored, for the daemon", "", nil},
		{subjects.HeaderDelay, "of a new message: how many milliseconds after it was written it came", "^[0-9]+$", nil},
		{subjects.HeaderBusiness, "the business connection by which it came to a bot", "", nil},
		{subjects.HeaderMessage, "the id of the message that it is about; of several, all of them between commas; of more than 100 none: they are in the update. Of scheduled messages, quick replies and business connections they count for themselves",
			"^[0-9]+(,[0-9]+)*$", nil},
		{subjects.HeaderTopic, "the forum topic that the message stands in, by the id of the message that made it; the same as the thread where an update does not say which of the two it is", "^[0-9]+$", nil},
		{subjects.HeaderThread, "the thread of a group that the message stands in and that is no forum topic, by the id of the message that began it", "^[0-9]+$", nil},
		{subjects.HeaderAlbum, "what the messages of an album share", "^-?[0-9]+$", nil},
		{subjects.HeaderBackfill, "fetched from history, to fill a gap that was said before", "", []string{"true"}},
		{subjects.HeaderRequestID, "the Nats-Msg-Id of the call that caused the update", "", nil},
		{subjects.HeaderRedacted, "why contents are missing: users and chats (the update is whole), too large, refused, service message", "",
			nil},
		{subjects.HeaderUser, "the id of the user whose update it is: the account's name can pass on to another", "^[0-9]+$", nil},
		{subjects.HeaderMsgID, "account/user/era/box/pts/index: unique; .1, .2 ... behind it are further parts of an update about several " +
			"chats", "", nil},
	}
)

const waitedAbout = "for how many seconds the request waited in the daemon, and for what (flood, lookup, repeat, order, room): 2.4 " +
	"flood, 0.3 order"

// headerSchema is headers as a JSON Schema.
func headerSchema(all []header) object {
	var properties object
	for _, h := range all {
		o := object{{"type", "string"}, {"description", h.about}}
		if h.pattern != "" {
			o = append(o, member{"pattern", h.pattern})
		}
		if len(h.values) > 0 {
			o = append(o, member{"enum", h.values})
		}
		properties = append(properties, member{h.name, o})
	}
	return object{{"type", "object"}, {"properties", properties}}
}

// fault is the body of an answer that is an error.
const fault fields = "code:int error:string telegram?:string retry_after?:number sent:string path?:string kept?:string"

// schemaAnswer is what tg.ctl._.schema answers: about one document, or about all.
func schemaAnswer() object {
	one := fields(published).schema()
	list := fields("layer:int methods:int formats:objects").schema()
	return object{{"oneOf", []object{one, list}}}
}

// title is how a name looks in an operation's or message's title.
func title(format string, a ...any) member {
	return member{"title", fmt.Sprintf(format, a...)}
}
