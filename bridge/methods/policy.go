package methods

import (
	"fmt"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// What is not served unless the operator allows it by name (design §6): what can lose the account or hand it to somebody,
// what gives out secrets by which somebody else is the account, what breaks the bridge, and what spends money or cannot be
// taken back. Each says what the method does, as in "it signs the account out".

// refusals are methods that are judged one by one.
var refusals = map[string]string{
	"auth.logOut":              "signs the account out",
	"auth.resetAuthorizations": "signs all other devices out",
	"auth.exportAuthorization": "gives the account away to whoever has the answer",
	"auth.exportLoginToken":    "gives out a token by which another device is signed in",
	"auth.acceptLoginToken":    "signs another device in",
	"auth.bindTempAuthKey":     "breaks the session's key",
	"auth.dropTempAuthKeys":    "breaks the session's key",
	"auth.resetLoginEmail":     "takes the e-mail address away that login codes are sent to",

	"account.acceptAuthorization":         "hands passport documents to a site",
	"account.cancelPasswordEmail":         "changes how the account's password is recovered",
	"account.changeAuthorizationSettings": "confirms a device that has signed in",
	"account.changePhone":                 "moves the account to another phone number",
	"account.confirmBotConnection":        "lets a bot read and write in the account's chats",
	"account.confirmPasswordEmail":        "changes how the account's password is recovered",
	"account.confirmPhone":                "is a step of keeping or losing the phone number",
	"account.deleteAccount":               "deletes the account",
	"account.deletePasskey":               "takes a way to sign in away",
	"account.deleteSecureValue":           "is about passport documents",
	"account.getAllSecureValues":          "gives out passport documents",
	"account.getAuthorizationForm":        "gives out passport documents",
	"account.getPasswordSettings":         "gives out secrets of the account's password",
	"account.getSecureValue":              "gives out passport documents",
	"account.getTmpPassword":              "makes a password for payments",
	"account.initPasskeyRegistration":     "adds a way to sign in",
	"account.invalidateSignInCodes":       "makes the codes useless that the owner signs in with",
	"account.registerDevice":              "sends copies of what comes to another device",
	"account.registerPasskey":             "adds a way to sign in",
	"account.resendPasswordEmail":         "changes how the account's password is recovered",
	"account.resetAuthorization":          "signs a device out, which may be this one",
	"account.resetPassword":               "takes the account's password away",
	"account.saveSecureValue":             "is about passport documents",
	"account.sendChangePhoneCode":         "is a step of moving the account to another phone number",
	"account.sendConfirmPhoneCode":        "is a step of keeping or losing the phone number",
	"account.sendVerifyEmailCode":         "is a step of changing where login codes are sent to",
	"account.sendVerifyPhoneCode":         "is about passport documents",
	"account.setAccountTTL":               "sets when the account is deleted",
	"account.setAuthorizationTTL":         "sets when sessions are ended",
	"account.unregisterDevice":            "stops the notifications of another device",
	"account.updateConnectedBot":          "lets a bot read and write in the account's chats",
	"account.updatePasswordSettings":      "changes the account's password",
	"account.verifyEmail":                 "changes where login codes are sent to",
	"account.verifyPhone":                 "is about passport documents",

	"bots.exportBotToken":                   "gives out a bot's token",
	"channels.editCreator":                  "gives a channel away",
	"messages.acceptUrlAuth":                "signs in to a site as the account",
	"messages.editChatCreator":              "gives a chat away",
	"messages.receivedQueue":                "is the daemon's own: it would tell Telegram that updates were received",
	"payments.getStarsRevenueAdsAccountUrl": "signs in to an account of advertising",

	"messages.sendPaidReaction":            "spends Stars",
	"payments.assignAppStoreTransaction":   "is about a purchase",
	"payments.assignPlayMarketTransaction": "is about a purchase",
	"payments.changeStarsSubscription":     "spends Stars",
	"payments.convertStarGift":             "destroys a gift for Stars",
	"payments.craftStarGift":               "destroys gifts for another one",
	"payments.fulfillStarsSubscription":    "spends Stars",
	"payments.launchPrepaidGiveaway":       "gives away what was paid for",
	"payments.refundStarsCharge":           "gives Stars back",
	"payments.resolveStarGiftOffer":        "sells a gift",
	"payments.sendPaymentForm":             "pays",
	"payments.sendStarGiftOffer":           "spends Stars",
	"payments.sendStarsForm":               "spends Stars",
	"payments.transferStarGift":            "gives a gift away",
	"payments.updateStarGiftPrice":         "offers a gift for sale",
	"payments.upgradeStarGift":             "spends what was paid for a gift",

	"initConnection":  "is the connection's own",
	"invokeWithLayer": "is the connection's own",
	"updates.*":       "is the daemon's own: it would tell Telegram that updates were received",
	"auth.*":          "is about who is signed in; use natsgram login",
}

// servedOfAccount are the methods of account.* that do no such harm. One that stands neither here nor in refusals belongs to
// a layer that nobody has judged.
var servedOfAccount = strings.Fields(`
checkUsername clearRecentEmojiStatuses createBusinessChatLink createTheme declinePasswordReset deleteAutoSaveExceptions
deleteBusinessChatLink deleteWebBrowserSettingsExceptions disablePeerConnectedBot editBusinessChatLink finishTakeoutSession
getAccountTTL getAuthorizations getAutoDownloadSettings getAutoSaveSettings getBotBusinessConnection getBusinessChatLinks
getChannelDefaultEmojiStatuses getChannelRestrictedStatusEmojis getChatThemes getCollectibleEmojiStatuses getConnectedBots
getContactSignUpNotification getContentSettings getDefaultBackgroundEmojis getDefaultEmojiStatuses getDefaultGroupPhotoEmojis
getDefaultProfilePhotoEmojis getGlobalPrivacySettings getMultiWallPapers getNotifyExceptions getNotifySettings
getPaidMessagesRevenue getPasskeys getPassword getPrivacy getReactionsNotifySettings getRecentEmojiStatuses getSavedMusicIds
getSavedRingtones getTheme getThemes getUniqueGiftChatThemes getWallPaper getWallPapers getWebAuthorizations
getWebBrowserSettings initTakeoutSession installTheme installWallPaper reorderUsernames reportPeer reportProfilePhoto
resetNotifySettings resetWallPapers resetWebAuthorization resetWebAuthorizations resolveBusinessChatLink
saveAutoDownloadSettings saveAutoSaveSettings saveMusic saveRingtone saveTheme saveWallPaper setContactSignUpNotification
setContentSettings setGlobalPrivacySettings setMainProfileTab setPrivacy setReactionsNotifySettings toggleConnectedBotPaused
toggleNoPaidMessagesException toggleSponsoredMessages toggleUsername toggleWebBrowserSettingsException updateBirthday
updateBusinessAwayMessage updateBusinessGreetingMessage updateBusinessIntro updateBusinessLocation updateBusinessWorkHours
updateColor updateDeviceLocked updateEmojiStatus updateNotifySettings updatePersonalChannel updateProfile updateStatus
updateTheme updateUsername updateWebBrowserSettings uploadRingtone uploadTheme uploadWallPaper`)

// refusedResults are answers by which whoever has them acts as the account elsewhere.
var refusedResults = map[string]string{
	"EmojiURL":      "gives out an address that signs in to Telegram's site of translations",
	"UrlAuthResult": "gives out an address that signs in to a site",
	"WebViewResult": "gives out the address of a mini app, where whoever has it is the account",
}

// judge is why a method is not served unless the operator allows it, empty when it is. Much is judged by the schema and not
// by name, so that a method of a layer never seen is judged as well.
func judge(f *tl.Combinator) string {
	namespace, name, _ := strings.Cut(f.Name, ".")
	switch {
	case refusals[f.Name] != "":
		return refusals[f.Name]
	case refusals[namespace+".*"] != "":
		return refusals[namespace+".*"]
	case namespace == "account" && !slices.Contains(servedOfAccount, name):
		return "is about the account, and what it does is not known to this version"
	case refusedResults[f.Result.Name] != "":
		return refusedResults[f.Result.Name]
	case strings.HasPrefix(f.Result.Name, "auth."):
		return refusals["auth.*"]
	case slices.ContainsFunc(f.Params, func(p tl.Param) bool { return p.Type.Name == "InputCheckPasswordSRP" && p.Cond == nil }):
		return "wants the account's password, as Telegram asks for what cannot be taken back"
	}
	return ""
}

// Refusal is why a method is not served unless the operator allows it, empty when it is. allow is as in [New].
func Refusal(f *tl.Combinator, allow []string) string {
	if slices.ContainsFunc(allow, func(a string) bool { return a == "*" || a == f.Name || a == Namespace(f.Name)+".*" }) {
		return ""
	}
	return judge(f)
}

// CheckAllow says what of such a list allows nothing: a method misspelt would go on being refused.
func CheckAllow(decl *tl.Schema, allow []string) error {
	for _, a := range allow {
		known := a == "*" || slices.ContainsFunc(decl.Functions, func(f *tl.Combinator) bool {
			return f.Name == a || Namespace(f.Name)+".*" == a
		})
		if !known {
			return fmt.Errorf("layer %d has no method %.60q: see natsgram methods", decl.Layer, a)
		}
	}
	return nil
}

// Namespace is that of a method's name; empty: it has none.
func Namespace(method string) string {
	ns, _, found := strings.Cut(method, ".")
	if !found {
		return ""
	}
	return ns
}
