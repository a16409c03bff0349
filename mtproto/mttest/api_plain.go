package mttest

import "github.com/natsgram/natsgram/mtproto/mttest/world"

// plain are methods that clients ask at every start, and whose answer holds nothing here: TDLib and others take a refusal of
// them for something that passes, or do not get on.
var plain = map[string]any{
	"messages.getAvailableReactions": M{"_": "messages.availableReactionsNotModified"},
	"messages.getPeerSettings":       M{"_": "messages.peerSettings", "settings": M{"_": "peerSettings"}, "chats": []M{}, "users": []M{}},
	"account.getNotifySettings":      M{"_": "peerNotifySettings"},
	"account.getAuthorizations":      M{"_": "account.authorizations", "authorization_ttl_days": 180, "authorizations": []M{}},
	"contacts.getTopPeers":           M{"_": "contacts.topPeersDisabled"},
}

// expiring are the same, whose answer says until when it holds.
var expiring = map[string]string{
	"help.getPromoData":            "help.promoDataEmpty",
	"help.getTermsOfServiceUpdate": "help.termsOfServiceUpdateEmpty",
}

func plainHandlers(all map[string]served) {
	for name, answer := range plain {
		all[name] = served{signedIn, func(*Request) (any, error) { return answer, nil }}
	}
	for name, constructor := range expiring {
		all[name] = served{signedIn, func(r *Request) (any, error) {
			return M{"_": constructor, "expires": int(r.server.cfg.Now().Unix()) + 3600}, nil
		}}
	}
}

// acceptLoginToken lets a device in that shows a QR code, as [Account.Scan] does.
func acceptLoginToken(r *Request) (any, error) {
	if r.Account.accept(r.Args.Str("token")) != nil {
		return nil, refusal(400, "AUTH_TOKEN_INVALID")
	}
	now := int(r.server.cfg.Now().Unix())
	return M{
		"_": "authorization", "hash": 0, "device_model": "box", "platform": "box", "system_version": "", "api_id": 1, "app_name": "box", "app_version": "",
		"date_created": now, "date_active": now, "ip": "127.0.0.1", "country": "ZZ", "region": "",
	}, nil
}

const maxParticipants = 200

// getParticipants shows the members of a channel by their ids, whatever filter is asked for.
func getParticipants(r *Request) (any, error) {
	p, err := r.peer("channel")
	if err != nil {
		return nil, err
	}
	ch, _, _ := r.server.world.Channel(r.Account.id, p.ID)
	members := r.server.world.Members(p.ID)
	from := min(max(int(r.Args.Int("offset")), 0), len(members))
	to := min(from+min(max(int(r.Args.Int("limit")), 0), maxParticipants), len(members))
	c := r.server.scene(r.Account.id)
	c.mention(p)
	shown := []M{}
	for _, id := range members[from:to] {
		c.mention(world.UserPeer(id))
		form := M{"_": "channelParticipant", "user_id": id, "date": ch.Date}
		if id == ch.Creator {
			form = M{"_": "channelParticipantCreator", "user_id": id, "admin_rights": M{"_": "chatAdminRights"}}
		}
		shown = append(shown, form)
	}
	return M{"_": "channels.channelParticipants", "count": len(members), "participants": shown, "chats": c.chats(), "users": c.users()}, nil
}
