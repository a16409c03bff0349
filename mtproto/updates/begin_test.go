package updates

import "testing"

// Where an account begins is the first thing that is published, with all that is known of it then.
func TestBeginning(t *testing.T) {
	b := startBench(t, State{}, Config{Begin: GapBeginning, Era: 7})
	b.push(short(newMessage(1, 101))) // meanwhile
	b.answer(Box{Kind: Common}, state(100, 10, 50, 5))
	b.push(short(newMessage(2, 102)))
	expect(t, b.log, `
		getState
		gap common 0..100 beginning [pts=100;qts=10.0;seq=5;date=50;era=7]
		updateNewMessage common 101.0 [pts=101]
		updateNewMessage common 102.0 [pts=102]`)
}

// The same where it is known beforehand: what came since is fetched.
func TestBeginningAtAState(t *testing.T) {
	b := startBench(t, at(), Config{Begin: "another user", Era: 7})
	b.answer(Box{Kind: Common}, difference("updates.difference", state(101, 10, 60, 5), []M{message(1, peerUser(7))}, nil, nil, nil))
	b.m.Start(b.now)
	b.drain()
	if got := b.log[0]; got != "gap common 0..100 another user [pts=100.2;qts=10;seq=5;date=50;era=7]" {
		t.Error(got)
	}
	for _, line := range b.log[1:] {
		if line[:3] == "gap" {
			t.Errorf("said twice: %s", line)
		}
	}
}

// It stays the first thing when updates come, or time passes, before the machine is started.
func TestBeginningBeforeTheStart(t *testing.T) {
	for name, early := range map[string]func(*bench){
		"push": func(b *bench) { b.push(short(newMessage(1, 101))) },
		"tick": func(b *bench) {
			b.m.Tick(b.now)
			b.drain()
		},
	} {
		b := idleBench(t, at(), Config{Begin: GapBeginning, Era: 7})
		early(b)
		b.m.Start(b.now)
		b.drain()
		b.answer(Box{Kind: Common}, difference("updates.difference", state(101, 10, 60, 5), []M{message(1, peerUser(7))}, nil, nil, nil))
		if got := b.log[0]; got != "gap common 0..100 beginning [pts=100.2;qts=10;seq=5;date=50;era=7]" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// D19: a call's own update names the call, also where a difference that was running already brings it first.
func TestOwnUpdateInADifference(t *testing.T) {
	b := startBench(t, at(), Config{})
	b.m.PushResult(b.now, nil, b.l.encode(updates(0, 60, newMessage(1, 101))), Meta{Origin: "m1"})
	b.drain()
	b.answer(common, difference("updates.difference", state(102, 10, 60, 5), []M{message(1, peerUser(7)), message(2, peerUser(7))}, nil, nil, nil))
	if len(b.items) != 2 || b.items[0].Origin != "m1" || b.items[1].Origin != "" {
		t.Errorf("%+v", b.items)
	}
	if b.m.queue.origins != nil {
		t.Error("kept")
	}
}
