package supervisor

import (
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/health"
	"github.com/natsgram/natsgram/bridge/lease"
)

// Instance is this process, by which other daemons ask it.
func (s *Supervisor) Instance() string { return s.id }

// Table is all daemons, as seen from this one.
func (s *Supervisor) Table() *lease.Table { return s.table }

// Busy is how long what shares the accounts out has been at the same; 0: it waits.
func (s *Supervisor) Busy() time.Duration { return s.pulse.Busy() }

// Failures are the accounts that failed here, and have not begun again since.
func (s *Supervisor) Failures() (all []health.Problem) {
	s.mu.Lock()
	failed := s.machine.Failures()
	s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if r := s.accounts.Runner(name); r == nil || r.Starting() {
			all = append(all, health.Problem{Kind: health.Account, Account: name, Text: "it cannot be run here: " + failed[name].Error()})
		}
	}
	return all
}

// WhyNotHere is how an account failed here last; empty: it did not.
func (s *Supervisor) WhyNotHere(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.machine.Failure(name); err != nil {
		return err.Error()
	}
	return ""
}

// Status is how an account does here; false: it does not run here.
func (s *Supervisor) Status(name string) (account.Status, bool) {
	if r := s.accounts.Runner(name); r != nil {
		return r.Status(), true
	}
	return account.Status{Account: name, State: account.Starting}, s.accounts.get(name) != nil
}

// Sessions are the accounts with a session in the vault.
func (s *Supervisor) Sessions() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.stored)
}
