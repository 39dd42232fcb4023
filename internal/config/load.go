package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// EnvPrefix begins the name of every environment variable that sets a key.
const EnvPrefix = "SCEAU_"

// foreign are SCEAU_* variables that belong to development tools and are not
// keys, although their names begin like a section.
var foreign = []string{"SCEAU_VAULT_BIN"}

// maxFile bounds a configuration file, bytes.
const maxFile = 1 << 20

// Error is one or more things wrong with a configuration. Its message has one
// line per finding, each naming the key and where it was set, never its value.
type Error struct {
	Findings []string
}

func (e *Error) Error() string { return strings.Join(e.Findings, "\n") }

// Load reads the file at path (none when empty), puts the environment over it
// ("NAME=value", as os.Environ gives) and checks what the process in role
// needs. The error is an *Error when the configuration is at fault.
func Load(path string, environ []string, role Role) (*Config, error) {
	var source []byte
	if path != "" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("open the configuration: %w", err)
		}
		defer file.Close()
		if source, err = io.ReadAll(io.LimitReader(file, maxFile+1)); err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		if len(source) > maxFile {
			return nil, &Error{Findings: []string{path + ": larger than 1 MiB"}}
		}
	}
	return Parse(path, source, environ, role)
}

// Parse is Load for a document already in memory; name is used in errors.
func Parse(name string, source []byte, environ []string, role Role) (*Config, error) {
	c := &Config{}
	places := places{file: name, lines: map[string]int{}, env: map[string]string{}}
	if findings := decode(c, &places, source); len(findings) > 0 {
		return nil, &Error{Findings: findings}
	}
	if findings := overlay(c, &places, environ); len(findings) > 0 {
		return nil, &Error{Findings: findings}
	}
	c.defaults()
	check := checker{config: c, places: places}
	check.run(role)
	if len(check.findings) > 0 {
		return nil, &Error{Findings: check.findings}
	}
	return c, nil
}

// places remembers where each key was set.
type places struct {
	file  string
	lines map[string]int
	env   map[string]string
}

func (p places) of(key string) string {
	if name, ok := p.env[key]; ok {
		return fmt.Sprintf("%s (%s)", key, name)
	}
	if line, ok := p.lines[key]; ok {
		return fmt.Sprintf("%s:%d: %s", p.file, line, key)
	}
	return key
}

func decode(c *Config, p *places, source []byte) []string {
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return explain(p.file, err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return []string{fmt.Sprintf("%s:%d: a second document; keep one", p.file, second.Line)}
	} else if !errors.Is(err, io.EOF) {
		return explain(p.file, err)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(source, &tree); err != nil {
		return explain(p.file, err)
	}
	if len(tree.Content) == 1 {
		note(p.lines, "", tree.Content[0])
	}
	return nil
}

// note records the line of every key below node.
func note(lines map[string]int, prefix string, node *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := prefix + node.Content[i].Value
		lines[key] = node.Content[i].Line
		note(lines, key+".", node.Content[i+1])
	}
}

var (
	yamlLine     = regexp.MustCompile(`line (\d+): `)
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	duplicateKey = regexp.MustCompile(`mapping key "?([A-Za-z0-9_.-]+)"? already defined at line (\d+)`)
	wrongType    = regexp.MustCompile(`cannot unmarshal !!(\w+)(?: .*)? into (\S+)`)
)

// explain turns the decoder's errors into findings without Go's type names
// and, above all, without the value, which the decoder would quote.
func explain(file string, err error) []string {
	messages := []string{err.Error()}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		messages = typed.Errors
	}
	findings := make([]string, 0, len(messages))
	for _, message := range messages {
		where := file
		if m := yamlLine.FindStringSubmatch(message); m != nil {
			where += ":" + m[1]
		}
		var what string
		if m := unknownField.FindStringSubmatch(message); m != nil {
			what = fmt.Sprintf("unknown key %s", m[1])
		} else if m := duplicateKey.FindStringSubmatch(message); m != nil {
			what = fmt.Sprintf("key %s is set twice, first at line %s", m[1], m[2])
		} else if m := wrongType.FindStringSubmatch(message); m != nil {
			what = fmt.Sprintf("expected %s, found a %s", kindName(m[2]), m[1])
		} else {
			what = "not valid YAML"
		}
		findings = append(findings, where+": "+what)
	}
	return findings
}

func kindName(goType string) string {
	switch {
	case goType == "time.Duration":
		return "a duration such as 10s or 5m"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "int"):
		return "a whole number"
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "a text"
	default:
		return "a mapping of keys"
	}
}

// Keys lists every key that can be set, sorted, dots between sections.
func Keys() []string {
	var keys []string
	walk(reflect.ValueOf(&Config{}).Elem(), "", func(key string, _ reflect.Value) { keys = append(keys, key) })
	sort.Strings(keys)
	return keys
}

// EnvName is the environment variable that sets key.
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func walk(v reflect.Value, prefix string, visit func(key string, field reflect.Value)) {
	for i := range v.NumField() {
		key := prefix + v.Type().Field(i).Tag.Get("yaml")
		if field := v.Field(i); field.Kind() == reflect.Struct {
			walk(field, key+".", visit)
		} else {
			visit(key, field)
		}
	}
}

func overlay(c *Config, p *places, environ []string) []string {
	fields := map[string]reflect.Value{}
	names := map[string]string{}
	var sections []string
	walk(reflect.ValueOf(c).Elem(), "", func(key string, field reflect.Value) {
		fields[EnvName(key)] = field
		names[EnvName(key)] = key
		section, _, _ := strings.Cut(key, ".")
		sections = append(sections, EnvName(section)+"_")
	})
	var findings []string
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, EnvPrefix) || slices.Contains(foreign, name) || value == "" {
			continue
		}
		field, known := fields[name]
		if !known {
			// A misspelt variable would silently leave the file's value in
			// force: as bad as an unknown key.
			if slices.ContainsFunc(sections, func(s string) bool { return strings.HasPrefix(name, s) }) {
				findings = append(findings, name+": no such key; `sceau config keys` lists them")
			}
			continue
		}
		p.env[names[name]] = name
		if what := assign(field, value); what != "" {
			findings = append(findings, fmt.Sprintf("%s: expected %s", p.of(names[name]), what))
		}
	}
	sort.Strings(findings)
	return findings
}

// assign parses value into field, or says what it expected.
func assign(field reflect.Value, value string) string {
	switch target := field.Addr().Interface().(type) {
	case *string:
		*target = value
	case *int:
		n, err := strconv.Atoi(value)
		if err != nil {
			return "a whole number"
		}
		*target = n
	case *bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return "true or false"
		}
		*target = b
	case *time.Duration:
		d, err := time.ParseDuration(value)
		if err != nil {
			return "a duration such as 10s or 5m"
		}
		*target = d
	case *[]string:
		*target = nil
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				*target = append(*target, item)
			}
		}
	case *map[string]string:
		*target = map[string]string{}
		for item := range strings.SplitSeq(value, ",") {
			name, role, ok := strings.Cut(strings.TrimSpace(item), "=")
			if !ok {
				return "pairs such as grp-agents=agent,grp-chiefs=supervisor"
			}
			(*target)[name] = role
		}
	case *[]Signer:
		*target = nil
		for item := range strings.SplitSeq(value, ",") {
			// No person holds an equals sign, and a key may.
			person, key, ok := strings.Cut(strings.TrimSpace(item), "=")
			if !ok {
				return "pairs such as p-1=NAME+HASH+KEY,p-2=NAME+HASH+KEY"
			}
			*target = append(*target, Signer{Person: person, Key: key})
		}
	default:
		if field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct {
			return assignList(field, value)
		}
		return "a key of another kind"
	}
	return ""
}
