#!/usr/bin/env python3
"""Checks an export of the audit log: verify.py DIR. Written from docs/log-format.md alone; Python 3, standard library.
Exit status: 0 all holds, 1 damage, 2 wrong usage, 3 holds with warnings. Left out: policy bundles (section 7), who may
record what (section 8); and openings are kept in memory."""
import base64, datetime, hashlib, hmac, json, os, re, sys

# Section 2. An entry has one spelling, so a regular expression says nearly all of it; order, range and calendar come after.
INT, KEY, ID = r'(?:0|-?[1-9][0-9]{0,15})', r'[a-z][a-z0-9_]{0,63}', r'"[!#-\[\]-~]{1,256}"'
HASH, CASE = r'"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="', r'"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"'
TEXT = r'"(?:[^\x00-\x1f"\\\u2028\u2029]|\\["\\bfnrt]|\\u00(?:0[0-7bef]|1[0-9a-f])|\\u202[89])*"'
TIME = r'"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{6}Z"'
some = lambda keys: r'\{(?!\})' + ''.join(r'(?:(?:(?<!\{),)?(?<=[{,])"%s":%s)?' % (k, HASH if k == 'input' else ID) for k in keys.split()) + r'\}'
pairs = lambda v: r'\{"%s":%s(?:,"%s":%s)*\}' % (KEY, v, KEY, v)
HEAD = r'\{"v":%s,"seq":%s,"at":%s,"prev":%s' % (INT, INT, TIME, HASH)
LEAF = HEAD + r',"via":"(?:public|staff|custodian|publisher|operator)","actor":(?=\{"id")' + some('id person role unit session') + \
    r',"action":"%s\.%s"' % (KEY, KEY) + ''.join(r'(?:,"%s":%s)?' % field for field in (
        ('case', CASE), ('subject', some('type id')), ('ground', ID), ('decision', some('id path policy engine input result')),
        ('details', pairs('(?:%s|true|false|%s)' % (TEXT, INT))), ('commitments', pairs(HASH)))) + r'\}'
META = r'\{"v":1,"origin":"[!#-*,-\[\]-~]{1,200}","first":%s,"prev":%s,"count":%s,"head":%s\}' % (INT, HASH, INT, HASH)
OPENING = r'\{"seq":%s,"field":"%s","case":(?:%s|""),"salt":%s,"value":%s\}' % (INT, KEY, CASE, HASH, TEXT)

def need(ok, why):
    if not ok: raise ValueError(why)

def members(found):  # of every JSON object
    need(len(dict(found)) == len(found) and all(type(n) is not int or abs(n) < 2**53 for _, n in found), 'key twice or integer out of range')
    return dict(found)

def read(line, pattern, longest):
    need(line.endswith(b'\n') and len(line) <= longest + 1 and re.fullmatch(pattern, line[:-1].decode()), 'malformed or cut')
    return json.loads(line, object_pairs_hook=members)

def leaf(line):
    e = read(line, LEAF if line.startswith(b'{"v":1,') else HEAD + r'[^\x00-\x1f]*', 65535)
    for part in ('details', 'commitments') if e['v'] == 1 else ():
        need(list(e.get(part, {})) == sorted(e.get(part, {})), 'keys not sorted')
    # A leap year stands in for the year 0000, which Python's calendar lacks.
    datetime.datetime.strptime(re.sub('^0000', '2000', e['at']), '%Y-%m-%dT%H:%M:%S.%fZ')
    return e

def opens(o, e):
    want = o['field'] == 'input' and e.get('decision', {}).get('input') or e.get('commitments', {}).get(o['field'])
    text = 'sceau.commitment/v1\n%s\n%s\n%s' % (o['field'], o['case'], o['value'])
    made = hmac.digest(base64.b64decode(o['salt']), text.encode(), 'sha256')
    return o['case'] == e.get('case', '') and want == base64.b64encode(made).decode()

def verify(folder, where=None):
    lines = lambda name: open(os.path.join(folder, name), 'rb')
    hashed = lambda data: base64.b64encode(hashlib.sha256(data).digest()).decode()
    try:
        meta = read(lines('meta.json').read().removesuffix(b'\n') + b'\n', META, 65536)
        where, end, prev, at, intents, openings = meta['first'], meta['first'] + meta['count'], meta['prev'], '', {}, {}
        need(where > 0 or prev == hashed(b'sceau.log/v1\n%s\n' % meta['origin'].encode()), 'meta.json: prev is not the origin')
        before = where, ''
        for o in (read(line, OPENING, 1 << 20) for line in lines('openings.jsonl')):
            need((o['seq'], o['field']) > before, 'opening unsorted or before the first entry')
            before = o['seq'], o['field']
            openings.setdefault(o['seq'], []).append(o)
        for line in lines('log.jsonl'):
            need(where < end, 'lines after the end')
            e = leaf(line)
            need(e['v'] > 0 and e['seq'] == where and e['prev'] == prev and e['at'] >= at, 'does not continue the chain')
            prev, at, action, details = hashed(b'\0' + line[:-1]), e['at'], e.get('action'), e.get('details', {})
            need(all(e['v'] > 1 or opens(o, e) for o in openings.pop(where, ())), 'false opening')
            if e['v'] == 1 and action == 'identity.release_ordered': intents[prev] = e.get('case')
            if e['v'] == 1 and action in ('identity.released', 'identity.release_failed'):
                need(re.fullmatch(HASH, '"%s"' % details.get('intent')), 'outcome without intent')
                need(details['intent'] in intents or meta['first'] > 0, 'outcome of no order')
                need(intents.pop(details['intent'], e.get('case')) == e.get('case'), 'outcome of another case')
            where += 1
        need(where == end, 'the log ends too early')
        need(not openings, 'opening of an entry after the last')
        where = max(end - 1, meta['first'])
        need(prev == meta['head'], 'the last hash is not head')
    except (OSError, ValueError) as err:
        return print('DAMAGED, first bad seq %s: %s' % (where, err)) or 1
    return print('%d entries hold; possibly opened: %d' % (meta['count'], len(intents))) or (3 if intents else 0)

if __name__ == '__main__':
    sys.exit(verify(sys.argv[1]) if len(sys.argv) == 2 else print(__doc__, file=sys.stderr) or 2)
