package account

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// watchList is the channels that Telegram is asked about again and again (design §8): those of the settings, and what
// tg.ctl.<account>.watch changed of them.
type watchList struct {
	configured []int64
	changes    records.Watched
}

// ids are the channels, those of the settings first.
func (w *watchList) ids() (all []int64) {
	for _, id := range slices.Concat(w.configured, w.changes.Add) {
		if !slices.Contains(w.changes.Remove, id) && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// changed is the record after a verb.
func (w *watchList) changed(verb string, ids []int64) (to records.Watched) {
	without := func(all []int64) (rest []int64) {
		for _, id := range all {
			if !slices.Contains(ids, id) {
				rest = append(rest, id)
			}
		}
		return rest
	}
	to.Add, to.Remove = without(w.changes.Add), without(w.changes.Remove)
	for _, id := range ids {
		configured := slices.Contains(w.configured, id)
		switch {
		case verb == "add" && !configured:
			to.Add = append(to.Add, id)
		case verb == "remove" && configured:
			to.Remove = append(to.Remove, id)
		}
	}
	return to
}

// watchAnswer is what the verbs answer. Channels are texts, as every long in JSON.
type watchAnswer struct {
	Channels []string `json:"channels"`
	Left     []string `json:"left,omitempty"` // not watched: more than updates.MaxWatched, or a bot's
}

// watched has the machine watch channels, and keeps which. It is safe for concurrent use.
type watched struct {
	name    string
	records *records.Records
	tell    *teller
	wait    func(context.Context, func(time.Time, *updates.Machine)) error // of the loop

	changing sync.Mutex // one change at a time
	mu       sync.Mutex
	list     watchList
	started  bool // the machine knows them; of the loop's goroutine
}

// finding finds the channel that a caller has written.
type finding func(ctx context.Context, written json.RawMessage) (int64, *answer.Fault)

// serve serves tg.ctl.<account>.watch.<verb>.
func (w *watched) serve(verb string, find finding) func(context.Context, []byte) ([]byte, *answer.Fault) {
	return func(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
		ids, fault := watchRequest(ctx, verb, request, find)
		if fault != nil {
			fault.Text = "watch." + verb + ": " + fault.Text
			return nil, fault
		}
		w.changing.Lock()
		defer w.changing.Unlock()
		ctx, cancel := context.WithTimeout(ctx, saveTime)
		defer cancel()
		if verb != "list" {
			to := w.list.changed(verb, ids)
			if err := w.records.SetWatched(ctx, w.name, to); err != nil {
				return nil, answer.Refuse(503, err.Error())
			}
			w.mu.Lock()
			w.list.changes = to
			w.mu.Unlock()
		}
		now, err := w.set(ctx, w.list.ids())
		if err != nil {
			return nil, answer.Refuse(503, "the account is being stopped here")
		}
		body, _ := json.Marshal(now) // texts: cannot fail
		return body, nil
	}
}

// watchRequest reads {"channels":["1234"]}. A number is a channel's; all else names it as peers are named.
func watchRequest(ctx context.Context, verb string, request []byte, find finding) (ids []int64, fault *answer.Fault) {
	if verb == "list" {
		if err := answer.ReadJSON(request, &struct{}{}); err != nil {
			return nil, answer.Refuse(400, err.Error())
		}
		return nil, nil
	}
	var in struct {
		Channels []json.RawMessage `json:"channels"`
	}
	if err := answer.ReadJSON(request, &in); err != nil {
		return nil, answer.Refuse(400, `want {"channels":["1234"]}: `+err.Error())
	}
	if in.Channels == nil {
		return nil, answer.Refuse(400, `want {"channels":["1234"]}`)
	}
	for i, one := range in.Channels {
		id, err := settings.ParseChannel(strings.Trim(string(one), `"`))
		if err != nil {
			if id, fault = find(ctx, one); fault != nil {
				fault.Text = fmt.Sprintf("channels[%d]: %s", i, fault.Text)
				return nil, fault
			}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// set tells the machine, and gives what it took.
func (w *watched) set(ctx context.Context, ids []int64) (answer watchAnswer, err error) {
	err = w.wait(ctx, func(now time.Time, m *updates.Machine) {
		left := m.SetWatched(now, ids)
		answer = watchAnswer{Channels: texts(m.Watched()), Left: texts(left)}
	})
	if err != nil {
		return watchAnswer{}, err
	}
	return answer, nil
}

func texts(ids []int64) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = strconv.FormatInt(id, 10)
	}
	return all
}

// read takes up what was watched before, here or by another owner. A record that cannot be had costs promptness alone.
func (w *watched) read(ctx context.Context, configured []int64) {
	changes, err := w.records.Watched(ctx, w.name)
	if err != nil {
		w.tell.log.Warn("watched channels", "err", err)
	}
	w.list = watchList{configured: configured, changes: changes}
}

// start is the first thing after the first Start: there is a connection to ask by. The loop's goroutine calls it.
func (w *watched) start(now time.Time, m *updates.Machine) {
	if w.started {
		return
	}
	w.started = true
	w.mu.Lock()
	ids := w.list.ids()
	w.mu.Unlock()
	if left := m.SetWatched(now, ids); len(left) > 0 {
		w.tell.log.Warn("channels are not watched: 10 an account at most, and none by bots", "channels", left)
	}
}

// writeAnew stores again what was changed.
func (w *watched) writeAnew(ctx context.Context) error {
	w.changing.Lock()
	defer w.changing.Unlock()
	w.mu.Lock()
	changes := w.list.changes
	w.mu.Unlock()
	if len(changes.Add)+len(changes.Remove) == 0 {
		return nil
	}
	return w.records.SetWatched(ctx, w.name, changes)
}
