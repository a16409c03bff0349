package tl

import "bytes"

// Import reads a schema in any of the forms that they are found in, and sees by itself which it is: TL text,
// core.telegram.org's schema JSON ({"constructors": [...], "methods": [...]}) or the api-schema.json of the npm packages
// @mtcute/tl and @mtcute/core ({"l": layer, "e": [...]}). Of TDLib's telegram_api.tl it leaves out the twins of wrappers that
// end in Prefix; what @mtcute made for itself (mtcute.*) is left out too. It takes the facts, names, ids and parameters, and leaves descriptions. Whether
// the ids agree with the lines is for [Check] to say.
func Import(name string, src []byte) (*Schema, error) {
	if text := bytes.TrimLeft(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), " \t\r\n"); len(text) > 0 && text[0] == '{' {
		return importJSON(name, text, len(src)-len(text))
	}
	return Parse(name, src)
}
