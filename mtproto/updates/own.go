package updates

import "github.com/natsgram/natsgram/tl/codec"

// ownUpdates are the updates by which Telegram tells the account's other sessions what a call with a list of messages did. The session that
// made the call gets no more than how far its box moved (D19), though others who follow it did not make the call.
var ownUpdates = map[string]string{
	"messages.deleteMessages":         "updateDeleteMessages",
	"messages.deletePhoneCallHistory": "updateDeleteMessages",
	"channels.deleteMessages":         "updateDeleteChannelMessages",
	"messages.readMessageContents":    "updateReadMessagesContents",
}

// ownUpdate makes the update of what a call did that was answered so. Not valid: nothing happened, or it is not known to which messages.
func (e *env) ownUpdate(call, answer codec.View, box Box) codec.View {
	ids := answer.Longs("messages")
	if len(ids) == 0 {
		ids = call.Longs("id")
	}
	name := ownUpdates[call.Name()]
	if name == "" || len(ids) == 0 || answer.Int("pts_count") <= 0 {
		return codec.View{}
	}
	m := codec.M{"_": name, "messages": ids, "pts": answer.Int("pts"), "pts_count": answer.Int("pts_count")}
	if box.Kind == Channel {
		m["channel_id"] = box.ID
	}
	update, err := e.rules.s.Encode(nil, m)
	if err != nil {
		return codec.View{} // a layer that has it otherwise
	}
	u, _ := e.rules.s.View(update)
	return u
}
