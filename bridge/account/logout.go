package account

import (
	"context"
	"errors"
	"strings"

	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/mtproto"
)

// logout signs the account out at Telegram (F10), as tg.ctl.<account>.logout asks. The account is served with refusals then,
// until somebody signs in anew.
func (r *Runner) logout(ctx context.Context, request []byte) ([]byte, *rpc.Fault) {
	if text := strings.Join(strings.Fields(string(request)), ""); text != "" && text != "{}" {
		return nil, &rpc.Fault{Code: 400, Text: "logout: it takes no parameters, so this was meant for something else; nothing was done", Sent: "no"}
	}
	r.status.mu.Lock()
	t := r.status.t
	r.status.mu.Unlock()
	var who interface{ Login() *mtproto.Login }
	if t != nil {
		who, _ = t.client.(interface{ Login() *mtproto.Login })
	}
	if who == nil {
		return nil, &rpc.Fault{Code: 503, Text: "the account is only just starting", Sent: "no"}
	}
	err := who.Login().LogOut(ctx)
	if errors.Is(err, mtproto.ErrStep) {
		return nil, &rpc.Fault{Code: 409, Text: "logout: account " + r.Name + " is not signed in", Sent: "no"}
	}
	if err != nil {
		fault := r.explain(err)
		return nil, &fault
	}
	return []byte(`{"logged_out":true}`), nil
}
