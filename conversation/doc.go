// Package conversation is what a minor and those who answer share: opening,
// writing, joining, handing over, entrusting a facet, closing.
//
// It is pure: it takes values and times and does no I/O; conversation/pgstore keeps
// conversations in PostgreSQL. [Fold] says, from the entries of a case alone, who
// takes part, what was sealed and which heads were recorded; the custodian decides
// from nothing else. [ChainNext] links messages, so that a lost or altered one shows:
//
//	link 0 = H(0, SHA-256(ciphertext 0), start)    start = SHA-256("sceau.messages/v1\n" ‖ case ‖ "\n")
//	link n = H(n, SHA-256(ciphertext n), link n-1)
//	H(position, sum, previous) = SHA-256("sceau.messages/v1\n" ‖ position ‖ sum ‖ previous)
//
// where position is eight bytes, big-endian. The link of the last message is the
// head; the entries that open, join, read, hand over and close a conversation
// record it as "sha256:" and lower-case hexadecimal, with the number of messages.
// Altering a message after that takes altering the log.
//
// Nothing here opens what was sealed but [SealedMessage.Open] and
// [SealedFacet.Open], with file keys that only the custodian hands out.
package conversation
