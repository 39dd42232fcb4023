package staff

import "slices"

// SuspensionReasons are the coded reasons to suspend a person.
var SuspensionReasons = []string{"left", "misconduct", "device_lost", "other"}

// SuspensionCoded says whether reason is one of [SuspensionReasons].
func SuspensionCoded(reason string) bool { return slices.Contains(SuspensionReasons, reason) }
