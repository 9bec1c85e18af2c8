/**
 * The log as Debian's rsyslog receives it: over TLS, in frames counted in octets, with a client
 * certificate; through a receiver that hangs and is killed, and not by one with another certificate.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { spawn, type ChildProcess } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { freePorts } from '#cli'
import { fetchAs, makeFhirSite } from '../support/fhir-site.ts'
import { run } from '../support/processes.ts'
import { NEEDLE_OCTETS_MIN } from '../support/needles.ts'
import { textsOf } from '../support/readable.ts'
import { cohort, merged } from '../support/records.ts'
import { newFolder } from '../support/sites.ts'
import { until } from '../support/until.ts'
import { pathOf, skipOf, tool } from './tools.ts'

const openssl = tool('openssl')
const withTls = globSync('/usr/lib/*/rsyslog/lmnsd_gtls.so').length > 0
const rsyslogd = withTls
  ? tool('rsyslogd', 'rsyslog')
  : { missing: 'rsyslog has no gnutls; Debian has it in the package rsyslog-gnutls' }
const skip = skipOf(rsyslogd) ?? skipOf(openssl) ?? false

/** Certificates of one authority: of a receiver at 127.0.0.1, and of whoever sends to it. */
async function certificates(folder: string): Promise<(file: string) => string> {
  const at = (file: string): string => join(folder, file)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const asked = async (...args: readonly string[]): Promise<void> => {
    const { status, stderr } = await run(pathOf(openssl), args)
    assert.equal(status, 0, stderr)
  }
  const self = ['-x509', '-days', '2', '-subj', '/CN=Authority of a test']
  await asked('req', ...self, ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'))
  for (const name of ['receiver', 'site']) {
    const [wanted, made] = [at(`${name}.csr`), at(`${name}.pem`)]
    await asked('req', '-subj', `/CN=${name}`, ...key, '-keyout', at(`${name}.key`), '-out', wanted)
    writeFileSync(
      at('names'),
      'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth',
    )
    const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2']
    await asked('x509', '-req', '-in', wanted, ...by, '-extfile', at('names'), '-out', made)
  }
  return at
}

/** An entry as rsyslog understood it. */
interface Received {
  readonly index: number
  readonly line: string
}

/** rsyslog with its own parser, and what it has written of our messages. */
function receiver(t: TestContext, certificate: (file: string) => string, port: number) {
  const folder = newFolder(t)
  const [file, configuration] = [join(folder, 'received'), join(folder, 'rsyslog.conf')]
  writeFileSync(
    configuration,
    `global(workDirectory="${folder}" maxMessageSize="64k"
      defaultNetstreamDriverCAFile="${certificate('ca.pem')}"
      defaultNetstreamDriverCertFile="${certificate('receiver.pem')}"
      defaultNetstreamDriverKeyFile="${certificate('receiver.key')}")
    module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1"
      streamDriver.authMode="x509/certvalid")
    template(name="parts" type="string" string="${PARTS}\\n")
    input(type="imtcp" address="127.0.0.1" port="${port}")
    action(type="omfile" file="${file}" template="parts")\n`,
  )
  writeFileSync(file, '')
  const args = ['-n', '-f', configuration, '-i', join(folder, 'pid')]
  let child: ChildProcess | undefined
  const launch = (): void => {
    child = spawn(pathOf(rsyslogd), args, { stdio: 'ignore' })
  }
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  t.after(kill)
  const received = (): readonly Received[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.includes('|photonward|'))
      .map((line) => ({ line, index: Number(/ index="(\d+)"/.exec(line)?.[1] ?? NaN) }))
  return { launch, kill, hang: () => child?.kill('SIGSTOP'), received }
}

/** Severity, time, host, application, kind, structured data, text: each as rsyslog has parsed it. */
const PARTS = [
  ...['%syslogseverity-text%', '%timereported:::date-rfc3339%', '%hostname%', '%app-name%'],
  ...['%msgid%', '%structured-data%', '%msg%'],
].join('|')

/** Up to where a site has sent its log, by its own account. */
function cursorOf(folder: string): number {
  using store = new DatabaseSync(join(folder, 'state.db'), { readOnly: true })
  const row = store.prepare('SELECT next FROM siem_cursor').get()
  return Number(row?.['next'] ?? 0)
}

async function newScene(t: TestContext) {
  const certificate = await certificates(newFolder(t))
  const strange = await certificates(newFolder(t))
  const { site, ...rest } = await makeFhirSite(t, { clients: { 'bristol.ward': 'write' } })
  const [port] = await freePorts(1)
  site.configure((value) => {
    value['siem'] = {
      ...{ host: '127.0.0.1', port, authority: certificate('ca.pem') },
      identity: { key: certificate('site.key'), certificate: certificate('site.pem') },
    }
  })
  /** Waits until every entry there is now has come. @returns how many there are */
  const complete = async (received: () => readonly Received[]): Promise<number> => {
    const size = (await site.status()).logEntries
    await until(`${size} entries have come`, () => {
      const indexes = new Set(received().map(({ index }) => index))
      return Array.from({ length: size }, (_, index) => index).every((index) => indexes.has(index))
    })
    return size
  }
  return { site, ...rest, port, certificate, strange, complete }
}

test('rsyslog has every entry, understood, and nothing of a patient', { skip }, async (t) => {
  const { site, port, certificate, complete } = await newScene(t)
  const { launch, received } = receiver(t, certificate, port)
  launch()
  await site.daemon.start()
  const octets = merged(cohort(2, 1))
  const { patients } = await site.import(octets)
  await site.read(patients[0])
  const size = await complete(received)
  assert.equal(new Set(received().map(({ index }) => index)).size, received().length, 'each once')
  assert(size > 3)
  const filed = received().filter(({ line }) => line.includes('|vault.filed|'))
  assert(filed.length >= patients.length)
  for (const { index, line } of received()) {
    const [severity, time, host, application, kind, data, ...text] = line.split('|')
    assert.match(severity, /^(?:info|notice|warning|crit)$/)
    assert(Math.abs(Date.now() - Date.parse(time)) < 600_000, time)
    assert.deepEqual([host, application], ['bristol', 'photonward'])
    assert(data.startsWith('[entry@32473 ') && data.includes(`kind="${kind}`), data)
    const event = JSON.parse(text.join('|')) as { metadata: { uid: string; event_code: string } }
    assert.equal(event.metadata.uid, String(index))
    assert(event.metadata.event_code.startsWith(kind))
  }
  const all = received()
    .map(({ line }) => line)
    .join('\n')
  const told = textsOf([octets])
  for (const value of told.values) {
    if (value.length >= NEEDLE_OCTETS_MIN) assert(!all.includes(value), value)
  }
  assert(!patients.some((patient) => all.includes(patient)))
})

test(
  'what a receiver hung and killed has never read comes again as it was',
  { skip },
  async (t) => {
    const { site, port, certificate, base, credentials, complete } = await newScene(t)
    const { launch, kill, hang, received } = receiver(t, certificate, port)
    launch()
    await site.daemon.start()
    await complete(received)
    const before = received().length
    // It reads no more: what is sent now lies in the buffers of the kernel, and is taken for sent.
    hang()
    const ask = fetchAs(t, credentials('bristol.ward'))
    const asked = async (): Promise<void> => {
      const entry = Array.from({ length: 50 }, () => ({
        request: { method: 'GET', url: 'Patient' },
      }))
      const body = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry })
      const headers = { 'content-type': 'application/fhir+json' }
      assert.equal((await ask(base, { method: 'POST', headers, body })).status, 200)
    }
    for (let round = 0; round < 8; round++) await asked()
    await until('the site takes them for sent', () => cursorOf(site.folder) >= before + 400)
    await kill()
    launch()
    await asked()
    const size = await complete(received)
    const texts = Map.groupBy(received(), ({ index }) => index)
    for (const [index, same] of texts) {
      // A receiver keeps one for each index of a host: a repetition is the same to the letter.
      assert.equal(new Set(same.map(({ line }) => line)).size, 1, String(index))
    }
    assert(texts.size >= size && received().length > texts.size)
  },
)

test('a receiver with the certificate of another authority gets nothing', { skip }, async (t) => {
  const { site, port, certificate, strange, complete } = await newScene(t)
  const wrong = receiver(t, strange, port)
  wrong.launch()
  await site.daemon.start()
  await site.import(merged(cohort(3, 1)))
  await until('the site says that it cannot send', () =>
    readFileSync(join(site.folder, 'log', 'daemon.log'), 'utf8').includes('siem.not-sent'),
  )
  assert.deepEqual(wrong.received(), [])
  await wrong.kill()
  const right = receiver(t, certificate, port)
  right.launch()
  await complete(right.received)
  assert.deepEqual(wrong.received(), [])
})
