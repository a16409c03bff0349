package mttest

import (
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

type served struct {
	access  access
	handler handler
}

// handlers is what the server has an answer for. Names that the layer does not have are passed over.
func handlers() map[string]served {
	all := map[string]served{
		"help.getConfig":    {anybody, getConfig},
		"help.getNearestDc": {anybody, getNearestDC},
		"help.getAppConfig": {anybody, getAppConfig},

		"auth.sendCode":               {anybody, sendCode},
		"auth.resendCode":             {anybody, resendCode},
		"auth.cancelCode":             {anybody, cancelCode},
		"auth.signIn":                 {anybody, signIn},
		"auth.signUp":                 {anybody, signUp},
		"auth.checkPassword":          {anybody, checkPassword},
		"auth.bindTempAuthKey":        {anybody, bindTempKey},
		"auth.exportLoginToken":       {anybody, exportLoginToken},
		"auth.importLoginToken":       {anybody, importLoginToken},
		"auth.acceptLoginToken":       {signedIn, acceptLoginToken},
		"auth.resetLoginEmail":        {anybody, resetLoginEmail},
		"account.sendVerifyEmailCode": {anybody, sendVerifyEmailCode},
		"account.verifyEmail":         {anybody, verifyEmail},
		"auth.importBotAuthorization": {anybody, importBot},
		"auth.exportAuthorization":    {signedIn, exportAuthorization},
		"auth.importAuthorization":    {anybody, importAuthorization},
		"auth.logOut":                 {foreign, logOut},
		"account.getPassword":         {anybody, getPassword},
		"account.updateStatus":        {signedIn, updateStatus},

		"account.getBotBusinessConnection": {signedIn, getBotBusinessConnection},

		"users.getUsers":           {signedIn, getUsers},
		"users.getFullUser":        {signedIn, getFullUser},
		"contacts.resolveUsername": {signedIn, resolveUsername},
		"contacts.getContacts":     {signedIn, getContacts},

		"messages.sendMessage":      {signedIn, sendMessage},
		"messages.sendMedia":        {signedIn, sendMedia},
		"messages.uploadMedia":      {signedIn, uploadMedia},
		"messages.sendMultiMedia":   {signedIn, sendMultiMedia},
		"messages.editMessage":      {signedIn, editMessage},
		"messages.deleteMessages":   {signedIn, deleteMessages},
		"messages.getHistory":       {signedIn, getHistory},
		"messages.getReplies":       {signedIn, getReplies},
		"messages.getMessages":      {signedIn, getMessages},
		"messages.getDialogs":       {signedIn, getDialogs},
		"messages.getPeerDialogs":   {signedIn, getPeerDialogs},
		"messages.getPinnedDialogs": {signedIn, getPinnedDialogs},
		"messages.getDialogFilters": {signedIn, getDialogFilters},
		"messages.toggleDialogPin":  {signedIn, toggleDialogPin},
		"messages.markDialogUnread": {signedIn, markDialogUnread},
		"messages.saveDraft":        {signedIn, saveDraft},
		"folders.editPeerFolders":   {signedIn, editPeerFolders},
		"messages.readHistory":      {signedIn, readHistory},
		"messages.setTyping":        {signedIn, setTyping},
		"messages.createChat":       {signedIn, createChat},
		"messages.addChatUser":      {signedIn, addChatUser},
		"messages.getChats":         {signedIn, getChats},
		"messages.getFullChat":      {signedIn, getFullChat},

		"channels.createChannel":   {signedIn, createChannel},
		"channels.joinChannel":     {signedIn, joinChannel},
		"channels.leaveChannel":    {signedIn, leaveChannel},
		"channels.getChannels":     {signedIn, getChannels},
		"channels.getFullChannel":  {signedIn, getFullChannel},
		"channels.getMessages":     {signedIn, getChannelMessages},
		"channels.readHistory":     {signedIn, readChannel},
		"channels.deleteMessages":  {signedIn, deleteChannelMessages},
		"channels.getParticipants": {signedIn, getParticipants},

		"updates.getState":             {signedIn, getState},
		"updates.getDifference":        {signedIn, getDifference},
		"updates.getChannelDifference": {signedIn, getChannelDifference},

		"upload.saveFilePart":    {foreign, savePart},
		"upload.saveBigFilePart": {foreign, savePart},
		"upload.getFile":         {foreign, getFile},
		"upload.getFileHashes":   {foreign, getFileHashes},

		"help.getCdnConfig":       {anybody, getCdnConfig},
		"upload.getCdnFile":       {anybody, getCdnFile},
		"upload.getCdnFileHashes": {foreign, getCdnFileHashes},
		"upload.reuploadCdnFile":  {foreign, reuploadCdnFile},
	}
	plainHandlers(all)
	return all
}

func getConfig(r *Request) (any, error) {
	s, now := r.server, int(r.server.cfg.Now().Unix())
	var options []M
	for _, c := range s.centres {
		for _, a := range c.addrs {
			host, port := splitAddr(a.addr)
			options = append(options, M{"_": "dcOption", "id": c.id, "ip_address": host, "port": port, "media_only": a.media && !c.cdn, "cdn": c.cdn, "this_port_only": true})
		}
	}
	return M{
		"_": "config", "date": now, "expires": now + 3600, "test_mode": false, "this_dc": r.DC, "dc_options": options, "dc_txt_domain_name": "box.invalid",
		"chat_size_max": 200, "megagroup_size_max": 200_000, "forwarded_count_max": 100, "online_update_period_ms": 210_000,
		"offline_blur_timeout_ms": 5000, "offline_idle_timeout_ms": 30_000, "online_cloud_timeout_ms": 300_000, "notify_cloud_delay_ms": 30_000,
		"notify_default_delay_ms": 1500, "push_chat_period_ms": 60_000, "push_chat_limit": 2, "edit_time_limit": 172_800,
		"revoke_time_limit": 2147483647, "revoke_pm_time_limit": 2147483647, "rating_e_decay": 2419200, "stickers_recent_limit": 200,
		"channels_read_media_period": 604_800, "call_receive_timeout_ms": 20_000, "call_ring_timeout_ms": 90_000, "call_connect_timeout_ms": 30_000,
		"call_packet_timeout_ms": 10_000, "me_url_prefix": "https://t.me/", "caption_length_max": 1024, "message_length_max": 4096,
		"webfile_dc_id": r.DC,
	}, nil
}

func getNearestDC(r *Request) (any, error) {
	return M{"_": "nearestDc", "country": "ZZ", "this_dc": r.DC, "nearest_dc": r.server.cfg.Centres[0]}, nil
}

func getAppConfig(*Request) (any, error) {
	return M{"_": "help.appConfig", "hash": 1, "config": M{"_": "jsonObject", "value": []M{
		{"_": "jsonObjectValue", "key": "test", "value": M{"_": "jsonNumber", "value": 1.0}},
		{"_": "jsonObjectValue", "key": "upload_max_fileparts_default", "value": M{"_": "jsonNumber", "value": float64(uploadsMax)}},
		{"_": "jsonObjectValue", "key": "upload_max_fileparts_premium", "value": M{"_": "jsonNumber", "value": float64(uploadsPremium)}},
	}}}, nil
}

// getBotBusinessConnection knows every connection, and has each at the data centre that is asked.
func getBotBusinessConnection(r *Request) (any, error) {
	now := int(r.server.cfg.Now().Unix())
	about := M{"_": "botBusinessConnection", "connection_id": r.Args.Str("connection_id"), "user_id": r.Account.id, "dc_id": r.DC, "date": now}
	return M{"_": "updates", "updates": []M{{"_": "updateBotBusinessConnect", "connection": about, "qts": 0}}, "users": []M{}, "chats": []M{}, "date": now, "seq": 0}, nil
}

func updateStatus(r *Request) (any, error) {
	r.server.world.SetOnline(r.Account.id, !r.Args.Bool("offline"))
	return true, nil
}

func getUsers(r *Request) (any, error) {
	c := r.server.scene(r.Account.id)
	var all []M
	for v := range r.Args.Objects("id") {
		p, err := r.peerOf(v)
		if err != nil || p.Kind != world.KindUser { // as Telegram: whom you may not see is empty
			all = append(all, M{"_": "userEmpty", "id": v.Int("user_id")})
			continue
		}
		all = append(all, c.user(p.ID))
	}
	return all, nil
}

func getFullUser(r *Request) (any, error) {
	p, err := r.peer("id")
	if err != nil {
		return nil, err
	}
	c := r.server.scene(r.Account.id)
	c.mention(p)
	u, _ := r.server.world.User(p.ID)
	full := M{
		"_": "userFull", "id": p.ID, "settings": M{"_": "peerSettings"}, "notify_settings": M{"_": "peerNotifySettings"}, "common_chats_count": 0,
		"can_pin_message": true,
	}
	optional(full, "about", u.About)
	return M{"_": "users.userFull", "full_user": full, "users": c.users(), "chats": c.chats()}, nil
}

func resolveUsername(r *Request) (any, error) {
	p, ok := r.server.world.ByName(r.Args.Str("username"))
	if !ok {
		return nil, refusal(400, "USERNAME_NOT_OCCUPIED")
	}
	c := r.server.scene(r.Account.id)
	c.mention(p)
	return M{"_": "contacts.resolvedPeer", "peer": peer(p), "users": c.users(), "chats": c.chats()}, nil
}

func getContacts(r *Request) (any, error) {
	c := r.server.scene(r.Account.id)
	var all []M
	for _, id := range r.server.world.Contacts(r.Account.id) {
		c.mention(world.UserPeer(id))
		all = append(all, M{"_": "contact", "user_id": id, "mutual": false})
	}
	return M{"_": "contacts.contacts", "contacts": all, "saved_count": len(all), "users": c.users()}, nil
}
