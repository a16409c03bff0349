package updates

import (
	"testing"
	"time"
)

// What must not be forgotten between one input and the next.

// E7: what waited in the secret box comes after the difference.
func TestSecretsWaitForTheDifference(t *testing.T) {
	b := startBench(t, at(), Config{})
	b.push(short(encrypted(3, 13)))
	b.push(short(encrypted(2, 12)))
	b.answer(common, difference("updates.difference", state(100, 11, 50, 5), nil, []M{encryptedMessage(1)}, nil, nil))
	expect(t, b.log, `
		getDifference pts=100 qts=10 date=50
		updateNewEncryptedMessage secret 11.0
		+ updateNewEncryptedMessage secret 12.0 [qts=12]
		+ updateNewEncryptedMessage secret 13.0 [qts=13]`)
}

// E6: where channels are given time for a missing piece, its end means the difference.
func TestChannelWait(t *testing.T) {
	b := newBench(t, at(), Config{ChannelWait: 300 * time.Millisecond})
	b.push(short(newChannelMessage(77, 2, 42)))
	b.wait(300*time.Millisecond - 1)
	b.log = append(b.log, "300ms")
	b.wait(1)
	expect(t, b.log, `
		300ms
		getChannelDifference 77/7700 pts=40 limit=100`)
}

// E23: a state tells what has changed since the last one, and no more; what only a batch without items has told, which
// may be lost, is told again.
func TestStatesTellChanges(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.push(updates(6, 51, newMessage(1, 101), encrypted(1, 11)))
	b.push(short(newMessage(2, 102)))
	b.push(short(encrypted(2, 12)))
	b.push(updates(7, 52, userName(1)))
	b.push(updates(8, 53))
	b.push(short(newMessage(3, 103)))
	b.push(short(newMessage(4, 104)))
	expect(t, b.log, `
		updateNewMessage common 101.0 [pts=101]
		updateNewEncryptedMessage secret 11.0 [qts=11;seq=6;date=51]
		updateNewMessage common 102.0 [pts=102]
		updateNewEncryptedMessage secret 12.0 [qts=12]
		updateUserName none 0.0 [seq=7;date=52]
		state seq=8;date=53
		updateNewMessage common 103.0 [pts=103;seq=8;date=53]
		updateNewMessage common 104.0 [pts=104]`)
}

// E16: the mark of a channel that is behind is with an item before the date passes it: a batch without items does not
// count.
func TestMarksAreKept(t *testing.T) {
	b := newBench(t, at(), Config{})
	b.push(short(newChannelMessage(77, 2, 42)))
	b.push(updates(6, 51))                     // the mark goes with the date, in a batch that may be lost
	b.push(updates(7, 52, userName(1)))        // so it is told again
	b.push(updates(8, 53, userName(1)))        // once
	b.push(updates(9, 54, newMessage(1, 101))) // and that is enough
	expect(t, b.log, `
		getChannelDifference 77/7700 pts=40 limit=100
		state seq=6;date=51;c77=40!
		updateUserName none 0.0 [seq=7;date=52;c77=40!]
		updateUserName none 0.0 [seq=8;date=53]
		updateNewMessage common 101.0 [pts=101;seq=9;date=54]`)
}
