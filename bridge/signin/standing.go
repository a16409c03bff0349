package signin

import (
	"context"
	"encoding/json"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// standingTime bounds the question where updates stand. A sign-in does not fail for want of the answer.
const standingTime = 10 * time.Second

// standing is where the updates of an account that has just signed in stand, nil if that cannot be known: so that
// they are in the stream from the sign-in on, whenever a daemon first runs the account.
func standing(ctx context.Context, schema *codec.Schema, invoke func(context.Context, []byte) ([]byte, error)) json.RawMessage {
	ctx, cancel := context.WithTimeout(ctx, standingTime)
	defer cancel()
	query, err := schema.Encode(nil, codec.M{"_": "updates.getState"})
	if err != nil {
		return nil
	}
	body, err := invoke(ctx, query)
	if err != nil {
		return nil
	}
	v, err := schema.View(body)
	if err != nil || v.Name() != "updates.state" {
		return nil
	}
	st := updates.State{Position: updates.Position{Pts: int(v.Int("pts")), Qts: int(v.Int("qts")), Seq: int(v.Int("seq")), Date: int(v.Int("date"))}}
	text, err := json.Marshal(&st)
	if err != nil {
		return nil
	}
	return text
}
