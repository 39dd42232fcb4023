package audit

// The small words of a leaf. Both Marshal and the scanner ask here, so that a
// writer and a reader cannot disagree.

// isID: 1 to 256 printable ASCII characters that need no escaping in JSON; no
// space either, since an id is no place for free text.
func isID(b []byte) bool {
	if len(b) == 0 || len(b) > 256 {
		return false
	}
	for _, c := range b {
		if !idByte[c] {
			return false
		}
	}
	return true
}

// isKey: 1 to 64 of a-z, 0-9 and underscore, a letter first. Lower case only:
// some readers fold the case of keys, and would see two values under one name.
func isKey(b []byte) bool {
	if len(b) == 0 || len(b) > 64 || b[0] < 'a' || b[0] > 'z' {
		return false
	}
	for _, c := range b {
		if !keyByte[c] {
			return false
		}
	}
	return true
}

// isAction: two keys with a dot between.
func isAction(b []byte) bool {
	for i, c := range b {
		if c == '.' {
			return isKey(b[:i]) && isKey(b[i+1:])
		}
	}
	return false
}

func isVia(b []byte) bool {
	switch Via(b) {
	case ViaPublic, ViaStaff, ViaCustodian, ViaPublisher, ViaOperator:
		return true
	}
	return false
}

// Lengths of the words that always have the same.
const (
	hashLen = 44
	uuidLen = 36
)

// IsUUID tells whether b is 8-4-4-4-12 lower-case hexadecimal digits: how cases,
// escalations and all else that this service names at random stand in entries, rows
// and addresses. Nothing else names one of them.
func IsUUID[T string | []byte](b T) bool {
	if len(b) != uuidLen {
		return false
	}
	for i := range len(b) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if b[i] != '-' {
				return false
			}
		} else if !hexByte[b[i]] {
			return false
		}
	}
	return true
}

// isHash: 32 bytes in padded standard base64, with the two bits that no byte
// uses at zero: otherwise four texts would stand for one hash.
func isHash(b []byte) bool {
	if len(b) != hashLen || b[43] != '=' {
		return false
	}
	for _, c := range b[:43] {
		if base64Value[c] < 0 {
			return false
		}
	}
	return base64Value[b[42]]&3 == 0
}

// isTime: 2006-01-02T15:04:05.000000Z with a day and a time that exist; no
// leap second, since Go and PostgreSQL write none.
func isTime(b []byte) bool {
	if len(b) != len(timeLayout) {
		return false
	}
	for i, c := range []byte(timeLayout) {
		if c >= '0' && c <= '9' {
			if b[i] < '0' || b[i] > '9' {
				return false
			}
		} else if b[i] != c {
			return false
		}
	}
	year := two(b[0:])*100 + two(b[2:])
	month, day := two(b[5:]), two(b[8:])
	return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) &&
		two(b[11:]) < 24 && two(b[14:]) < 60 && two(b[17:]) < 60
}

func two(b []byte) int { return int(b[0]-'0')*10 + int(b[1]-'0') }

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

var (
	idByte      [256]bool
	keyByte     [256]bool
	hexByte     [256]bool
	base64Value [256]int8
)

func init() {
	for c := 0x21; c <= 0x7e; c++ {
		idByte[c] = c != '"' && c != '\\'
	}
	for i := range base64Value {
		base64Value[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		base64Value[c] = int8(i)
	}
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789_") {
		keyByte[c] = true
	}
	for _, c := range []byte("0123456789abcdef") {
		hexByte[c] = true
	}
}
