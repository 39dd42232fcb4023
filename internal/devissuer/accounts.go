package devissuer

// Account is somebody who can sign in.
type Account struct {
	Name   string   // what is typed in the form, and the `sub` claim
	Person string   // the human: accounts that share it are the same person
	Full   string   // the `name` claim
	Unit   string   // the `unit` claim
	Roles  []string // the `groups` claim
}

// Accounts lists the people of the development stack: one account per role (two privacy officers, since one sets a hold and another lifts it),
// and the accounts an attack on four-eyes needs. The same human under a second
// account (amal, as an agent too; bruno), one account with two roles (ines),
// somebody whom no role admits (jules), somebody who is suspended (kenza).
func Accounts() []Account {
	return []Account{
		{Name: "amal", Person: "P-A", Full: "Amal Haddad", Unit: "rennes", Roles: []string{"agent"}},
		{Name: "bruno", Person: "P-B", Full: "Bruno Lemaire", Unit: "rennes", Roles: []string{"agent"}},
		{Name: "chloe", Person: "P-C", Full: "Chloé Martin", Unit: "lyon", Roles: []string{"agent"}},
		{Name: "diane", Person: "P-D", Full: "Diane Roussel", Unit: "rennes", Roles: []string{"supervisor"}},
		{Name: "etienne", Person: "P-E", Full: "Étienne Faure", Unit: "lyon", Roles: []string{"supervisor"}},
		{Name: "farah", Person: "P-F", Full: "Farah Benali", Unit: "rennes", Roles: []string{"psychologist"}},
		{Name: "gilles", Person: "P-G", Full: "Gilles Perrot", Unit: "inspection", Roles: []string{"inspector"}},
		{Name: "hana", Person: "P-H", Full: "Hana Novak", Unit: "donnees", Roles: []string{"privacy_officer"}},
		{Name: "leila", Person: "P-L", Full: "Leïla Moreau", Unit: "donnees", Roles: []string{"privacy_officer"}},
		{Name: "kenza", Person: "P-K", Full: "Kenza Roy", Unit: "rennes", Roles: []string{"agent"}},
		{Name: "amal-mobile", Person: "P-A", Full: "Amal Haddad", Unit: "rennes", Roles: []string{"agent"}},
		{Name: "amal-superviseur", Person: "P-A", Full: "Amal Haddad", Unit: "rennes", Roles: []string{"supervisor"}},
		{Name: "bruno-superviseur", Person: "P-B", Full: "Bruno Lemaire", Unit: "rennes", Roles: []string{"supervisor"}},
		{Name: "ines", Person: "P-I", Full: "Inès Garnier", Unit: "lyon", Roles: []string{"agent", "supervisor"}},
		{Name: "jules", Person: "P-J", Full: "Jules Morel", Unit: "lyon", Roles: []string{}},
	}
}
