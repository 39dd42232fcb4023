package pgstore

// Scans are the queries that run every few seconds or under the head lock, by what they
// look for: their plans are tested.
func Scans() map[string]string {
	scans := map[string]string{"what is unanswered": unanswered, "who is on duty": dutyQuery}
	for _, c := range chores {
		scans[c.what] = c.query
	}
	return scans
}
