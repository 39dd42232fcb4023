// Package policy decides who may do what, and writes down exactly how it came
// to that.
//
// The rules are Rego, beside this file, with their tests; their numbers are data
// (data.json; demo/data.json for the demonstration, where deadlines are
// seconds). [Build] makes them a bundle, which is named by its exact bytes. Two
// people sign that name ([Sign]), and [Verification] counts people, not keys. [Load]
// refuses a bundle of another name, or one that calls anything but the few pure
// built-ins of capabilities.json: no clock, no randomness, no network, no
// environment. So the same bundle and the same input give the same answer
// anywhere, for ever: that is what [Replay] is for.
//
// Refusal is the default at every level. A rule states what must be shown, and
// whatever the input does not show is a reason; a decision that is undefined,
// fails or takes too long is an error, and no caller goes on after an error.
package policy
