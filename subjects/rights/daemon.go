package rights

import "github.com/natsgram/natsgram/subjects"

// What the daemon does on NATS. A test of bridge runs it with these rights and no others, and finds none that it does not need.

// Rights are matched on every message of the daemon, and read by people: not every request of JetStream's API about every stream is listed, but
// they are allowed by their form, and those that delete or copy a stream are denied.
var (
	daemonBuckets = []string{"POSITIONS", "SESSIONS", "LEASES", "ACCOUNTS", "FLOOD", "LIMITS", "PEERS"}
	daemonKeys    = []string{"ONCE", "JOBS", "TRANSFERS"}                // buckets in which single keys are read, written and erased, and nothing else
	readByLeader  = []string{"SESSIONS", "LEASES", "ACCOUNTS", "LIMITS"} // whose copies elsewhere may lag
	daemonObjects = []string{"SCHEMA", "FILES"}
	daemonReads   = []string{"FILES"} // object stores that are read, chunk by chunk
	// What is kept of somebody is erased: single messages are deleted. That of QUEUE and DONE is allowed below, with that of single keys.
	daemonErases     = []string{"UPDATES", "STATE", "HISTORY"}
	daemonErasesKeys = []string{"PEERS"}
	daemonNever      = []string{"STREAM.DELETE.*", "STREAM.SNAPSHOT.*", "STREAM.RESTORE.*"}
)

func (s scheme) daemon(g Grant) Permissions {
	api := g.API
	kvAt := "" // buckets are written below the API's prefix, where that is another
	if api == "" {
		api = jsAPI
	} else {
		kvAt = api + "."
	}
	p := Permissions{Inbox: g.Inbox, Responses: true}
	// Requests are passed on to the next owner of an account, so they are published as well. Jobs are not: these others write alone.
	p.Publish = append(p.Publish, s.Join(">"))
	p.Deny = append(p.Deny, s.Join(subjects.TreeQueue, ">"))
	p.Subscribe = []string{s.Join(subjects.TreeRPC, ">"), s.Join(subjects.TreeRO, ">"), s.Join(subjects.TreeCtl, ">"), s.Join(subjects.TreeFile, ">"), s.Join(subjects.TreeInside, ">"), s.Join(subjects.TreeEvent, ">"), s.Join(subjects.TreeOwn, "*"), "$SRV.>"}
	p.Publish = append(p.Publish, join(api, "INFO"), join(api, "CONSUMER.MSG.NEXT", s.StreamName("UPDATES"), "*"), "$JS.FC.>")
	p.Publish = append(p.Publish, aboutStream(api, s.StreamName("UPDATES"))...)
	p.Publish = append(p.Publish, join(api, "STREAM.*", s.StreamName("EVENTS")), join(api, "DIRECT.GET", s.StreamName("EVENTS"), ">")) // the last of one, before it is erased
	queue, done := s.StreamName("QUEUE"), s.StreamName("DONE")
	p.Publish = append(p.Publish, aboutStream(api, queue)...)
	p.Publish = append(p.Publish, join(api, "STREAM.MSG.*", queue), join(api, "CONSUMER.MSG.NEXT", queue, "*"))
	p.Publish = append(p.Publish, aboutStream(api, done)...)
	p.Publish = append(p.Publish, join(api, "CONSUMER.MSG.NEXT", done, "*"), join(api, "STREAM.MSG.*", done))
	for _, name := range daemonErases {
		p.Publish = append(p.Publish, join(api, "STREAM.MSG.DELETE", s.StreamName(name)))
	}
	for _, name := range daemonErasesKeys {
		p.Publish = append(p.Publish, join(api, "STREAM.MSG.DELETE", "KV_"+s.StreamName(name)))
	}
	p.Publish = append(p.Publish, join(api, "STREAM.MSG.DELETE", "OBJ_"+s.StreamName("FILES")))
	p.Publish = append(p.Publish, join(api, "STREAM.NAMES")) // whether an account has a stream of its own
	for _, account := range g.Owns {
		own := s.OwnStream(account)
		p.Publish = append(p.Publish, join(api, "STREAM.INFO", own), join(api, "CONSUMER.*", own, ">"), join(api, "CONSUMER.MSG.NEXT", own, "*"), join(api, "STREAM.MSG.DELETE", own))
	}
	for _, name := range []string{"STATE", "HISTORY"} {
		p.Publish = append(p.Publish, aboutStream(api, s.StreamName(name))...)
		p.Publish = append(p.Publish, join(api, "CONSUMER.MSG.NEXT", s.StreamName(name), "*"))
	}
	for _, name := range daemonBuckets {
		p.Publish = append(p.Publish, aboutStream(api, "KV_"+s.StreamName(name))...)
		p.Publish = append(p.Publish, kvAt+join("$KV", s.StreamName(name), ">"))
	}
	for _, name := range daemonKeys {
		p.Publish = append(p.Publish, join(api, "STREAM.*", "KV_"+s.StreamName(name)), join(api, "STREAM.MSG.*", "KV_"+s.StreamName(name)), kvAt+join("$KV", s.StreamName(name), ">"))
	}
	for _, name := range readByLeader {
		p.Publish = append(p.Publish, join(api, "STREAM.MSG.GET", "KV_"+s.StreamName(name)))
	}
	for _, name := range daemonObjects {
		p.Publish = append(p.Publish, aboutStream(api, "OBJ_"+s.StreamName(name))...)
		p.Publish = append(p.Publish, join("$O", s.StreamName(name), ">"))
	}
	for _, name := range daemonReads {
		p.Publish = append(p.Publish, join(api, "DIRECT.GET", "OBJ_"+s.StreamName(name)))
	}
	for _, request := range daemonNever {
		p.Deny = append(p.Deny, join(api, request))
	}
	// Callers whose inboxes nobody named here are answered by right of their request, within six minutes, and while the connection lasts by
	// which it came: the server forgets that right with it, and what was at work then gets no answer.
	for _, prefix := range append([]string{"_INBOX", ownInboxes, "_R_"}, g.Replies...) {
		p.Publish = append(p.Publish, join(prefix, ">"))
	}
	return p
}

// aboutStream are requests of JetStream's API about a stream, and about its consumers and messages.
func aboutStream(api, name string) []string {
	return []string{join(api, "STREAM.*", name), join(api, "*.*", name, ">")}
}
