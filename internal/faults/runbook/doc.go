// Package runbook follows docs/runbook.md on real servers: it reads the commands
// out of the Markdown, breaks what they are for, and runs them as an operator
// would. It has tests only.
package runbook
