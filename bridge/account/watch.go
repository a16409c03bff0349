package account

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/settings"
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

// watcher serves tg.ctl.<account>.watch.<verb>.
func (d *driver) watcher(verb string) func(context.Context, []byte) ([]byte, *answer.Fault) {
	return func(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
		ids, err := watchRequest(verb, request)
		if err != nil {
			return nil, answer.Refuse(400, "watch."+verb+": "+err.Error())
		}
		d.watching.Lock()
		defer d.watching.Unlock()
		ctx, cancel := context.WithTimeout(ctx, saveTime)
		defer cancel()
		if verb != "list" {
			to := d.watch.changed(verb, ids)
			if err := d.r.Records.SetWatched(ctx, d.r.Name, to); err != nil {
				return nil, answer.Refuse(503, err.Error())
			}
			d.mu.Lock()
			d.watch.changes = to
			d.mu.Unlock()
		}
		now, err := d.setWatched(ctx, d.watch.ids())
		if err != nil {
			return nil, answer.Refuse(503, "the account is being stopped here")
		}
		body, _ := json.Marshal(now) // texts: cannot fail
		return body, nil
	}
}

// watchRequest reads {"channels":["1234"]}; numbers will do too.
func watchRequest(verb string, request []byte) (ids []int64, err error) {
	if verb == "list" {
		return nil, nil
	}
	var in struct {
		Channels []any `json:"channels"`
	}
	if err := answer.ReadJSON(request, &in); err != nil {
		return nil, errors.New(`want {"channels":["1234"]}: ` + err.Error())
	}
	if in.Channels == nil {
		return nil, errors.New(`want {"channels":["1234"]}`)
	}
	for _, one := range in.Channels {
		text, ok := one.(string)
		if n, number := one.(float64); number && !ok {
			text = strconv.FormatInt(int64(n), 10)
		}
		id, err := settings.ParseChannel(text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// setWatched tells the machine, and gives what it took.
func (d *driver) setWatched(ctx context.Context, ids []int64) (answer watchAnswer, err error) {
	done := make(chan struct{})
	d.post(input{kind: inWatch, watch: func(now time.Time) {
		left := d.machine.SetWatched(now, ids)
		answer = watchAnswer{Channels: texts(d.machine.Watched()), Left: texts(left)}
	}, idle: done})
	select {
	case <-done:
		return answer, nil
	case <-ctx.Done():
		return watchAnswer{}, ctx.Err()
	}
}

func texts(ids []int64) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = strconv.FormatInt(id, 10)
	}
	return all
}

// readWatched takes up what was watched before, here or by another owner. A record that cannot be had costs promptness
// alone.
func (d *driver) readWatched(ctx context.Context) {
	changes, err := d.r.Records.Watched(ctx, d.r.Name)
	if err != nil {
		d.r.Log.Warn("watched channels", "err", err)
	}
	d.watch = watchList{configured: d.r.Settings.WatchedBy(d.r.Name), changes: changes}
}

// startWatching is the first thing after the first Start: there is a connection to ask by.
func (d *driver) startWatching(now time.Time) {
	if d.watches {
		return
	}
	d.watches = true
	d.mu.Lock()
	ids := d.watch.ids()
	d.mu.Unlock()
	if left := d.machine.SetWatched(now, ids); len(left) > 0 {
		d.r.Log.Warn("channels are not watched: 10 an account at most, and none by bots", "channels", left)
	}
}
