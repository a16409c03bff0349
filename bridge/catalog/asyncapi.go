package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/export"
)

// document is an AsyncAPI document that is being written. Operations are the daemon's: it receives requests, and sends updates.
type document struct {
	scheme     subjects.Scheme
	channels   object
	operations object
	messages   object
	schemas    object
	inbox      object // messages that come as answers
}

// The keys of channels are the subject's kind and what it is about: rpc.messages.sendMessage, upd.updateNewMessage. Those of
// messages are the same with what they are.
func asyncAPI(s *tl.Schema, scheme subjects.Scheme) ([]byte, error) {
	d := &document{scheme: scheme, schemas: export.Definitions(s, options(), export.AsyncAPI)}
	d.shared()
	for _, f := range sorted(s) {
		d.method(f)
	}
	for _, u := range s.Class("Update") {
		if !updates.Control(u.Name) {
			d.update(u.Name, updates.Live(u.Name))
		}
	}
	d.gaps()
	d.unknown()
	for _, e := range events {
		d.event(e)
	}
	for _, v := range verbs {
		d.verb(v)
	}
	for _, v := range fileVerbs {
		d.file(v)
	}
	d.owner()
	d.queue()
	d.state()
	d.history()
	d.channels = append(d.channels, member{"inbox", object{
		{"address", json.RawMessage("null")}, {"description", "the reply subject of a request"}, {"messages", d.inbox}}})
	return d.root(s.Layer).Lines(nil, "channels", "operations", "components", "messages", "schemas", "parameters"), nil
}

func (d *document) root(layer int) object {
	return object{
		{"asyncapi", "3.0.0"},
		{"info", object{
			{"title", "natsgram"}, {"version", fmt.Sprintf("%d.0.0", layer)},
			{"description", fmt.Sprintf("Telegram accounts on NATS, layer %d of Telegram's API. Operations are the daemon's: it receives "+
				"requests and sends updates and events. Payloads are described as JSON; MessagePack is the same but for longs, which are "+
				"numbers, and bytes, which are bytes.", layer)},
			{"license", object{{"name", "Apache-2.0"}}},
		}},
		{"defaultContentType", subjects.ContentJSON},
		{"channels", d.channels},
		{"operations", d.operations},
		{"components", object{{"schemas", d.schemas}, {"messages", d.messages}, {"parameters", parameters}}},
	}
}

// parameters are what stands in the place of braces in subjects.
var parameters = object{
	{"account", object{{"description", "the account's name: 1 to 32 of a-z, 0-9, _ and -"}}},
	{"kind", object{{"description", "what sort of chat the update belongs to"},
		{"enum", []string{"user", "chat", "channel", "secret", "none"}}}},
	{"id", object{{"description", "the chat's bare id in decimal; 0 with none"}}},
	{"method", object{{"description", "the method of a job; its dot separates two tokens: messages.sendMessage"}}},
	{"what", object{{"description", "what the record is about"},
		{"enum", []string{subjects.StateDialog, subjects.StateFolders, subjects.StateThrough}}}},
	{"job", object{{"description", "the id of a job; what is not a letter, digit, _ or - is written as % and two hexadecimal digits"}}},
}

// anyAccount stands in subjects where the account does.
const anyAccount = "{account}"

// shared are the schemas and messages that many operations use. Their names are no names of TL.
func (d *document) shared() {
	d.schemas = append(d.schemas,
		member{"bus.request.headers", headerSchema(requestHeaders)},
		member{"bus.answer.headers", headerSchema(answerHeaders)},
		member{"bus.fault.headers", append(headerSchema(faultHeaders),
			member{"required", []string{subjects.HeaderErrorCode, subjects.HeaderErrorText}})},
		member{"bus.update.headers", append(headerSchema(updateHeaders),
			member{"required", []string{subjects.HeaderType, subjects.HeaderBox, subjects.HeaderLayer}})},
		member{"bus.job.headers", headerSchema(append(slices.Clone(requestHeaders), jobHeaders...))},
		member{"bus.state.headers", append(headerSchema(stateHeaders), member{"description", "of a record of a dialog"})},
		member{"bus.result.headers", append(headerSchema(slices.Concat(answerHeaders, faultHeaders[1:], resultHeaders)),
			member{"required", []string{subjects.HeaderJob, subjects.HeaderJobState}})},
		member{"bus.fault", fault.schema()},
		member{"bus.users", object{{"type", "array"}, {"items", schemaRef("User")}}},
		member{"bus.redacted", fields(redactedFields).schema()},
		member{"bus.chats", object{{"type", "array"}, {"items", schemaRef("Chat")}}},
	)
	d.answer("fault", object{title("an error"), {"headers", schemaRef("bus.fault.headers")}, {"payload", schemaRef("bus.fault")}})
	d.answer("service-error", object{title("an error of a control subject"), {"headers", schemaRef("bus.fault.headers")}})
}

func ref(to string) object            { return object{{"$ref", to}} }
func schemaRef(name string) object    { return ref("#/components/schemas/" + name) }
func messageRef(name string) object   { return ref("#/components/messages/" + name) }
func channelRef(name string) object   { return ref("#/channels/" + name) }
func inChannel(name, m string) object { return ref("#/channels/" + name + "/messages/" + m) }

// message adds a message for a channel.
func (d *document) message(name string, m object) {
	d.messages = append(d.messages, member{name, m})
}

// answer adds a message that comes to the inbox.
func (d *document) answer(name string, m object) {
	d.message(name, m)
	d.inbox = append(d.inbox, member{name, messageRef(name)})
}

// channel adds a subject that one message passes.
func (d *document) channel(name, address, message string, params ...string) {
	all := object{}
	for _, p := range params {
		all = append(all, member{p, ref("#/components/parameters/" + p)})
	}
	c := object{{"address", address}, {"messages", object{{message, messageRef(message)}}}}
	if len(params) > 0 {
		c = append(c, member{"parameters", all})
	}
	d.channels = append(d.channels, member{name, c})
}

// serves adds the operation of taking requests from a channel.
func (d *document) serves(channel, request, summary string, answers ...string) {
	var replies []object
	for _, a := range answers {
		replies = append(replies, inChannel("inbox", a))
	}
	d.operations = append(d.operations, member{channel, object{
		{"action", "receive"}, {"summary", summary}, {"channel", channelRef(channel)}, {"messages", []object{inChannel(channel, request)}},
		{"reply", object{{"channel", channelRef("inbox")}, {"messages", replies}}},
	}})
}

// sends adds the operation of publishing to a channel.
func (d *document) sends(channel, message, summary string) {
	d.operations = append(d.operations, member{channel, object{
		{"action", "send"}, {"summary", summary}, {"channel", channelRef(channel)}, {"messages", []object{inChannel(channel, message)}},
	}})
}

func (d *document) method(f *tl.Combinator) {
	call, result := f.Name+".call", f.Name+".answer"
	d.message(call, object{title("a call of %s", f.Name), {"headers", schemaRef("bus.request.headers")},
		{"payload", schemaRef(export.Params(f.Name))}})
	d.answer(result, object{title("what %s answers", f.Name), {"headers", schemaRef("bus.answer.headers")},
		{"payload", schemaRef(export.Result(f.Name))}})
	summary := f.Name + " → " + f.Result.String()
	if why := methods.Refusal(f, nil); why != "" {
		summary += "; answered 403 unless NATSGRAM_ALLOW names it: it " + why
	}
	name := subjects.TreeRPC + "." + f.Name
	d.channel(name, d.scheme.RPC(anyAccount, f.Name), call, "account")
	d.serves(name, call, summary, result, "fault")
	if subjects.ReadOnly(f.Name) {
		name = subjects.TreeRO + "." + f.Name
		d.channel(name, d.scheme.RO(anyAccount, f.Name), call, "account")
		d.serves(name, call, summary+", for those who may only read", result, "fault")
	}
}

// update adds an update's subject: in the stream, or live.
func (d *document) update(name string, live bool) {
	of := object{{"allOf", []object{schemaRef(name), {{"required", []string{"_"}}}}}}
	slim := object{{"type", "object"}, {"properties", object{{"_", object{{"const", name}}}}}, {"required", []string{"_"}},
		{"additionalProperties", false}}
	payload := object{{"type", "object"}, {"required", []string{"update", "users", "chats"}}, {"additionalProperties", false},
		{"properties", object{
			{"update", object{{"anyOf", []object{of, slim}}}}, {"users", schemaRef("bus.users")}, {"chats", schemaRef("bus.chats")},
			{"redacted", schemaRef("bus.redacted")},
		}}}
	d.message(name, object{title("%s, with the users and chats that it mentions", name), {"headers", schemaRef("bus.update.headers")},
		{"payload", payload}})
	d.placed(name, live, "kept in the stream "+d.scheme.StreamName("UPDATES"))
}

// gaps adds the subject of what Telegram could not give back.
func (d *document) gaps() {
	d.message("gap", object{title("updates that Telegram cannot give back"), {"headers", schemaRef("bus.update.headers")},
		{"payload", fields("").schema(member{"gap", fields(gapFields).schema()})}})
	d.placed("gap", false, "at its place in the stream; with filled, messages of it follow that have Tg-Backfill")
}

// unknown adds the subject of what the layer cannot read.
func (d *document) unknown() {
	d.message(updates.Unknown, object{title("what Telegram wrote in a newer layer, as TL: one object, or several side by side"),
		{"contentType", subjects.ContentTL}, {"headers", schemaRef("bus.update.headers")},
		{"payload", object{{"type", "string"}, {"format", "binary"}}}})
	d.placed(updates.Unknown, false, "where the update would stand that cannot be read; its neighbours are told as always")
}

// placed adds the subject of an update, which names the chat.
func (d *document) placed(name string, live bool, summary string) {
	channel, subject := subjects.TreeUpdate, d.scheme.Update
	if live {
		channel, subject, summary = subjects.TreeLive, d.scheme.Live, "on core NATS, not kept"
	}
	channel += "." + name
	address := strings.TrimSuffix(subject(anyAccount, subjects.Update{Type: name}), "none.0") + "{kind}.{id}"
	d.channel(channel, address, name, "account", "kind", "id")
	d.sends(channel, name, summary)
}

func (d *document) event(e event) {
	channel := subjects.TreeEvent + "." + e.name
	head := []member{{"event", object{{"const", e.name}}}, {"account", fieldTypes["string"]}, {"at", fieldTypes["time"]}}
	d.message(channel, object{title("%s", e.about), {"payload", e.fields.schema(head...)}})
	address, params := d.scheme.Event(anyAccount, e.name), []string{"account"}
	if e.name == byChat {
		address, params = address+".{kind}.{id}", append(params, "kind", "id")
	}
	d.channel(channel, address, channel, params...)
	d.sends(channel, channel, e.about)
}

func (d *document) verb(v verb) {
	channel, of, params := subjects.TreeCtl+"."+v.name, anyAccount, []string{"account"}
	if v.own {
		of, params = subjects.Daemon, nil
	}
	answer := v.answer.schema()
	if v.name == "schema" {
		answer = schemaAnswer()
	}
	d.message(channel+".request", object{title("%s", v.about), {"payload", v.request.schema()}})
	d.answer(channel+".answer", object{title("what %s answers", v.name), {"payload", answer}})
	d.channel(channel, d.scheme.Ctl(of, v.name), channel+".request", params...)
	d.serves(channel, channel+".request", v.about, channel+".answer", "service-error")
}

// file adds a verb of files.
func (d *document) file(v verb) {
	channel := subjects.TreeFile + "." + v.name
	d.message(channel+".request", object{title("%s", v.about), {"payload", v.request.schema()}})
	d.answer(channel+".answer", object{title("what %s answers", v.name), {"payload", v.answer.schema()}})
	answers := []string{channel + ".answer", "service-error"}
	if v.name == subjects.FileGet {
		d.answer(channel+".bytes", object{title("the bytes of a file, in as many messages as they take"),
			{"contentType", "application/octet-stream"},
			{"headers", headerSchema(fileHeaders)}, {"payload", object{{"type", "string"}, {"format", "binary"}}}})
		answers = append(answers, channel+".bytes")
	}
	d.channel(channel, d.scheme.File(anyAccount, v.name), channel+".request", "account")
	d.serves(channel, channel+".request", v.about, answers...)
}

// queue adds the subjects of jobs and of what became of them. They are the same for every method.
func (d *document) queue() {
	chat := []string{"account", "kind", "id"}
	d.message("job", object{title("a call to be made when it may be; its peer may be left out"), {"headers", schemaRef("bus.job.headers")},
		{"payload", object{{"type", "object"}}}})
	d.channel(subjects.TreeQueue, subjects.Jobs(d.scheme).Address(), "job", append(chat, "method")...)
	d.operations = append(d.operations, member{subjects.TreeQueue, object{
		{"action", "receive"}, {"summary", "kept in the stream " + d.scheme.StreamName("QUEUE") + ", which acknowledges it"},
		{"channel", channelRef(subjects.TreeQueue)}, {"messages", []object{inChannel(subjects.TreeQueue, "job")}},
	}})
	d.message("result", object{title("what became of a job: what its method answers, or an error"),
		{"headers", schemaRef("bus.result.headers")},
		{"payload", object{{"type", []string{"object", "array", "boolean"}}}}})
	d.channel(subjects.TreeDone, subjects.Results(d.scheme).Address(), "result", append(chat, "job")...)
	d.sends(subjects.TreeDone, "result", "kept in the stream "+d.scheme.StreamName("DONE")+", the last of each job")
}

// state adds the records of dialogs.
func (d *document) state() {
	const record = "dialog?:object name?:string date?:int pin?:int stale?:bool gone?:bool folders?:object seq?:int"
	d.message(subjects.TreeState, object{title("a dialog as it is now; the folders; or, of what through, up to which update all of them go"),
		{"headers", schemaRef("bus.state.headers")}, {"payload", fields(record).schema()}})
	d.channel(subjects.TreeState, subjects.Records(d.scheme).Address(), subjects.TreeState, "account", "what", "kind", "id")
	d.sends(subjects.TreeState, subjects.TreeState, "kept in the stream "+d.scheme.StreamName("STATE")+", the last of each dialog")
}

// history adds the messages that were fetched because somebody asked for them.
func (d *document) history() {
	of := object{{"anyOf", []object{schemaRef("updateNewMessage"), schemaRef("updateNewChannelMessage"), {{"type", "object"}}}}}
	payload := object{{"type", "object"}, {"required", []string{"update", "users", "chats"}}, {"additionalProperties", false}, {"properties", object{
		{"update", of}, {"users", schemaRef("bus.users")}, {"chats", schemaRef("bus.chats")}, {"redacted", schemaRef("bus.redacted")},
	}}}
	d.message(subjects.TreeHistory, object{title("a message out of history, as the update that it would be if it came now"), {"headers", schemaRef("bus.update.headers")}, {"payload", payload}})
	d.channel(subjects.TreeHistory, subjects.Histories(d.scheme).Address(), subjects.TreeHistory, "account", "kind", "id")
	d.sends(subjects.TreeHistory, subjects.TreeHistory, "kept in the stream "+d.scheme.StreamName("HISTORY")+"; every message once, those of a job oldest first")
}

// owner adds the record of who owns an account.
func (d *document) owner() {
	d.message("owner", object{title("who owns the account"), {"payload", fields("owner:string host?:string user?:int at:time").schema()}})
	d.channel(subjects.TreeOwn, d.scheme.Own(anyAccount), "owner", "account")
	d.sends(subjects.TreeOwn, "owner", "the daemons' own, in the stream: its sequence is the fence against a former owner")
}
