package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/lease"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// How is how to restore.
type How struct {
	Keys  []vault.Key
	Force bool // over what is newer, and sessions that none of the keys opens
}

// RefusedError is why nothing was restored.
type RefusedError struct {
	Reasons []string
	Forced  bool // and force does not change it
}

// Error names all reasons.
func (e *RefusedError) Error() string {
	what := "nothing was restored (--force does it all the same)"
	if e.Forced {
		what = "nothing was restored"
	}
	return what + ": " + strings.Join(e.Reasons, "; ")
}

// Restored is what was written.
type Restored struct {
	Sessions, Positions, Accounts, Updates int
}

// Restore puts a backup into place, after it has looked that nothing runs or is newer there.
func (b *Backup) Restore(ctx context.Context, st *storage.Storage, how How) (out Restored, err error) {
	leases, err := lease.Open(ctx, st, lease.Options{Name: "natsgram restore"})
	if err != nil {
		return out, err
	}
	if err := b.check(ctx, st, leases, how); err != nil {
		return out, err
	}
	behind, err := b.restoreUpdates(ctx, st, &out)
	if err != nil {
		return out, err
	}
	for _, name := range b.Manifest.Accounts {
		a := b.Accounts[name]
		if err := b.restorePosition(ctx, st, name, behind, &out); err != nil {
			return out, err
		}
		if err := leases.Add(ctx, name); err == nil {
			out.Accounts++
		} else if !errors.Is(err, lease.ErrKnown) {
			return out, fmt.Errorf("%s: writing the account down: %w", name, err)
		}
		if err := restoreLimits(ctx, st, name, a.Limits); err != nil {
			return out, err
		}
		if a.Session == nil {
			continue
		}
		if err := vault.Import(ctx, st, name, a.Session); err != nil { // the last: with it a daemon may take the account
			return out, err
		}
		out.Sessions++
	}
	return out, nil
}

// check is why not to restore.
func (b *Backup) check(ctx context.Context, st *storage.Storage, leases *lease.Leases, how How) error {
	var runs, newer []string
	for _, name := range b.Manifest.Accounts {
		by, held, err := leases.Holder(ctx, name)
		if err != nil {
			return err
		}
		if held {
			runs = append(runs, fmt.Sprintf("%s is run by %s, which has its session in memory: stop that daemon first", name, by.Host))
			continue
		}
		a := b.Accounts[name]
		if a.Session == nil {
			continue
		}
		if !vault.Opens(how.Keys, name, a.Session) {
			newer = append(newer, fmt.Sprintf("the session of %s was sealed with another secret than NATSGRAM_SECRET or the key file here", name))
		}
		if is, err := vault.Newer(ctx, st, name, a.Session); err != nil {
			return err
		} else if is {
			newer = append(newer, fmt.Sprintf("a newer session of %s is there than that of %s", name, b.Taken.Format("2006-01-02 15:04 MST")))
		}
	}
	if b.Manifest.Updates {
		s, err := st.Stream(ctx, storage.Updates)
		if err != nil {
			return err
		}
		if n := s.CachedInfo().State.Msgs; n > 0 {
			runs = append(runs, fmt.Sprintf("%s holds %d messages already, and updates go into an empty one alone (--no-updates restores the rest)", s.CachedInfo().Config.Name, n))
		}
	}
	switch {
	case len(runs) > 0:
		return &RefusedError{append(runs, newer...), true}
	case len(newer) > 0 && !how.Force:
		return &RefusedError{newer, false}
	}
	return nil
}

// restoreUpdates publishes the updates as they were, and gives the place behind them; nil: there were none.
func (b *Backup) restoreUpdates(ctx context.Context, st *storage.Storage, out *Restored) (behind *records.Position, err error) {
	if !b.Manifest.Updates {
		return nil, nil
	}
	prefix := strings.TrimSuffix(st.Scheme().AllUpdates(), ">")
	err = b.updates(func(u update) error {
		if !strings.HasPrefix(u.Subject, prefix) {
			return fmt.Errorf("the backup is of another NATSGRAM_PREFIX: it holds %.80q", u.Subject)
		}
		ack, err := st.JetStream().PublishMsg(ctx, &nats.Msg{Subject: u.Subject, Header: ofOurs(u.Header), Data: u.Data})
		if err != nil {
			return fmt.Errorf("restoring updates: %w", err)
		}
		behind = &records.Position{Seq: ack.Sequence, Stream: st.Created(storage.Updates)}
		out.Updates++
		return nil
	})
	return behind, err
}

// restorePosition writes where an account's updates go on: behind what was restored, or else at its place in the stream of then.
func (b *Backup) restorePosition(ctx context.Context, st *storage.Storage, name string, behind *records.Position, out *Restored) error {
	kv, err := st.Bucket(ctx, storage.Positions)
	if err != nil {
		return err
	}
	a := b.Accounts[name]
	if a.Position != nil {
		var p records.Position
		if err := json.Unmarshal(a.Position, &p); err != nil {
			return fmt.Errorf("%s: the position in the backup cannot be read: %w", name, err)
		}
		if behind != nil {
			p.Seq, p.Stream = behind.Seq, behind.Stream
		}
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if _, err := kv.Put(ctx, name, body); err != nil {
			return fmt.Errorf("%s: storing the position: %w", name, err)
		}
		out.Positions++
	}
	for key, body := range map[string]json.RawMessage{records.WatchedKey(name): a.Watched, records.SignInKey(name): a.SignIn} {
		if body == nil {
			continue
		}
		if _, err := kv.Put(ctx, key, body); err != nil {
			return fmt.Errorf("%s: storing %s: %w", name, key, err)
		}
	}
	return nil
}

// restoreLimits writes an account's freeze and budgets, but over none that are there.
func restoreLimits(ctx context.Context, st *storage.Storage, name string, what json.RawMessage) error {
	if what == nil {
		return nil
	}
	var all map[string][]byte
	if err := json.Unmarshal(what, &all); err != nil {
		return fmt.Errorf("%s: the budgets in the backup cannot be read: %w", name, err)
	}
	store, err := gate.NewStore(ctx, st)
	if err == nil {
		err = gate.Import(ctx, store, name, all)
	}
	if err != nil {
		return fmt.Errorf("%s: storing its budgets: %w", name, err)
	}
	return nil
}

// NoUpdates leaves the updates of a backup out.
func (b *Backup) NoUpdates() { b.Manifest.Updates = false }
