/**
 * Consent evaluated: what a patient's directives say of one request.
 *
 * Each directive is a root with exceptions, and exceptions to these. A provision speaks if all its
 * conditions hold; its exceptions override it; among exceptions of one provision, and among
 * directives, a denial wins. Where it cannot be known whether a condition holds (a resource without
 * a date, a class of an unknown system), a denial speaks and a permission does not.
 *
 * A root that permits, and is limited to some data, denies the rest for the purposes it names:
 * whoever agrees to less has not agreed to all. A root limited to some recipients adds them and
 * says nothing of others. What no directive speaks of falls to the default of the site.
 *
 * Evaluated per request, so a withdrawal takes effect at once. Does not reach copies that have left.
 *
 * @see FHIR R4 §6.2 Consent; IHE PCF 1.1.0 §1:53, §3:5.8
 * @module
 */

import type { AccessContext, AccessRequest, Code, Principal, ResourceFacts } from './model.ts'
import type { Actor, DataReference, Directive, Provision } from './consent-read.ts'
import { KINDS } from './labels.ts'
import { ACT_CODE, CONFIDENTIALITY, RESOURCE_TYPES } from './systems.ts'
import { CONFIDENTIALITIES, type Action, type ConsentOutcome, type Purpose } from './vocabulary.ts'

/** What consent says, and which directive or default said it. */
export interface ConsentFinding {
  readonly outcome: ConsentOutcome
  readonly rule: string
}

/** What the directives of one patient say of a request, or the default of the site. */
export function consentFor(
  patient: string,
  { principal, action, resource, context }: AccessRequest,
): ConsentFinding {
  const relevant = context.consents.filter(
    // What came with a record is the sender's to say, and says nothing of what others have written.
    ({ patient: of, from }) => of === patient && (from === undefined || from === resource.from),
  )
  const findings = relevant.flatMap((directive) => {
    const outcome = outcomeOf(directive, { principal, action, resource, context })
    return outcome === undefined ? [] : [{ outcome, rule: directive.id }]
  })
  const strongest = STRENGTH.flatMap((outcome) =>
    findings.filter((finding) => finding.outcome === outcome),
  ).at(0)
  if (strongest !== undefined) return strongest
  return isImplied(context)
    ? { outcome: 'implied', rule: 'consent.default.implied' }
    : { outcome: 'absent', rule: 'consent.default.opt-in' }
}

/** Whether consent is taken as given. Research and marketing never are, whatever is configured. */
export const isImplied = ({ impliedPurposes, purpose }: AccessContext): boolean =>
  impliedPurposes.includes(purpose) && !OPT_IN_PURPOSES.has(purpose)

type Decided = Provision & { readonly type: 'permit' | 'deny' }
type Spoken = 'named' | 'granted' | 'denied' | 'refused'

/** What one directive says, or undefined if it says nothing of this request. */
function outcomeOf({ root }: Directive, request: AccessRequest): Spoken | undefined {
  if (root === 'unreadable') return 'denied'
  const found = spoken(root, request, true)
  if (found === undefined) return undefined
  if (found.type === 'deny') return namesEmergency(found) ? 'refused' : 'denied'
  return namesLabels(found, request.resource) ? 'named' : 'granted'
}

/** The provision that decides among this one and its exceptions. */
function spoken(
  provision: Provision,
  request: AccessRequest,
  isRoot: boolean,
): Decided | undefined {
  const who = all([
    inPeriod(provision, request.context),
    purposeHolds(provision, request.context.purpose),
    actionHolds(provision, request.action),
    actorHolds(provision, request.principal),
  ])
  if (who === 'no') return undefined
  const data = dataHolds(provision, request.resource)
  if (data === 'no') {
    return isRoot && provision.type === 'permit' ? restDenied(provision) : undefined
  }
  const nested = provision.provisions.flatMap((one) => spoken(one, request, false) ?? [])
  const denial = nested.find(({ type }) => type === 'deny')
  if (denial !== undefined) return denial
  // A denial speaks in doubt; a permission, and an exception to a doubtful denial, do not.
  if (all([who, data]) === 'unknown')
    return provision.type === 'deny' ? asDecided(provision) : undefined
  return nested.at(0) ?? asDecided(provision)
}

/** What lies beside the data that a root permits; it denies no emergency by name. */
const restDenied = (root: Provision): Decided => ({ ...root, type: 'deny', purposes: [] })

const asDecided = (provision: Provision): Decided | undefined =>
  provision.type === undefined ? undefined : { ...provision, type: provision.type }

type Holds = 'yes' | 'no' | 'unknown'

const all = (parts: readonly Holds[]): Holds =>
  parts.includes('no') ? 'no' : parts.includes('unknown') ? 'unknown' : 'yes'
const any = (parts: readonly Holds[]): Holds =>
  parts.includes('yes') ? 'yes' : parts.includes('unknown') ? 'unknown' : 'no'
const yesIf = (condition: boolean): Holds => (condition ? 'yes' : 'no')

const inPeriod = ({ period }: Provision, { at }: AccessContext): Holds =>
  yesIf(period === undefined || (period[0] <= at && at < period[1]))

/** A purpose holds for those below it: whoever speaks of treatment speaks of emergencies. */
function purposeHolds({ purposes }: Provision, purpose: Purpose): Holds {
  if (purposes.length === 0) return 'yes'
  const chain: string[] = [purpose]
  for (let next = ABOVE[purpose]; next !== undefined; next = ABOVE[next]) chain.push(next)
  return yesIf(purposes.some(({ code }) => code === 'PurposeOfUse' || chain.includes(code)))
}

function actionHolds({ actions }: Provision, action: Action): Holds {
  if (actions.length === 0) return 'yes'
  const meant = CONSENT_ACTIONS[action] ?? []
  return any(
    actions.map(({ code }) =>
      KNOWN_ACTIONS.has(code) ? yesIf(meant.includes(code)) : ('unknown' as const),
    ),
  )
}

function actorHolds({ actors }: Provision, principal: Principal): Holds {
  if (actors.length === 0) return 'yes'
  return any(actors.map((actor) => recipientHolds(actor, principal)))
}

function recipientHolds({ roles, reference }: Actor, principal: Principal): Holds {
  if (!principal.references.includes(reference)) return 'no'
  if (roles.length === 0 || roles.some(({ code }) => RECIPIENTS.has(code))) return 'yes'
  return roles.every(({ code }) => OTHER_ACTORS.has(code)) ? 'no' : 'unknown'
}

/** Whether the conditions on the data hold. */
function dataHolds(provision: Provision, resource: ResourceFacts): Holds {
  return all([
    datesHold(provision, resource),
    labelsHold(provision, resource),
    classesHold(provision, resource),
    codesHold(provision, resource),
    provision.data.length === 0
      ? 'yes'
      : yesIf(provision.data.some((one) => refersTo(one, resource))),
  ])
}

function datesHold({ dataPeriod, type }: Provision, { dated }: ResourceFacts): Holds {
  if (dataPeriod === undefined) return 'yes'
  if (dated === undefined) return 'unknown'
  const [from, to] = dataPeriod
  const inside = from <= dated[0] && dated[1] <= to
  const touches = from < dated[1] && dated[0] < to
  // What lies across the border is denied whole, and not permitted.
  return yesIf(type === 'permit' ? inside : touches)
}

/**
 * A permission for a confidentiality covers it and what is below; a denial, it and what is above.
 * A permission has to name every sensitivity the data has; a denial speaks at the first.
 */
function labelsHold({ labels, type }: Provision, resource: ResourceFacts): Holds {
  if (labels.length === 0) return 'yes'
  const rank = CONFIDENTIALITIES.indexOf(resource.confidentiality)
  const ranks = labels
    .filter(({ system }) => system === CONFIDENTIALITY)
    .map(({ code }) => (CONFIDENTIALITIES as readonly string[]).indexOf(code))
  const named = labels.filter(({ system }) => system !== CONFIDENTIALITY)
  const names = (label: string): boolean =>
    named.some(({ code }) => code === label || KINDS[code] === label)
  if (type === 'permit') {
    const covered = ranks.length === 0 || ranks.some((one) => rank <= one)
    const sensitive = named.length === 0 || resource.sensitivity.every(names)
    // Naming a label, a permission speaks of data that has it, not of all that has none.
    const some = named.length === 0 || ranks.length > 0 || resource.sensitivity.length > 0
    return yesIf(covered && sensitive && some)
  }
  const strange = named.some(({ system }) => system !== ACT_CODE && system !== '')
  const speaks = ranks.some((one) => one >= 0 && rank >= one) || resource.sensitivity.some(names)
  return speaks ? 'yes' : strange ? 'unknown' : 'no'
}

function classesHold({ classes }: Provision, resource: ResourceFacts): Holds {
  if (classes.length === 0) return 'yes'
  return any(
    classes.map(({ system, code }) =>
      system === RESOURCE_TYPES
        ? yesIf(code === resource.type)
        : resource.codes.concat(resource.categories).some((one) => sameCode(one, { system, code }))
          ? 'yes'
          : 'unknown',
    ),
  )
}

function codesHold({ codes }: Provision, resource: ResourceFacts): Holds {
  if (codes.length === 0) return 'yes'
  const wanted = codes.flat()
  if (resource.codes.some((code) => wanted.some((one) => sameCode(one, code)))) return 'yes'
  // A text without a code may mean what was denied.
  return resource.codes.length === 0 ? 'unknown' : 'no'
}

function refersTo({ meaning, reference }: DataReference, resource: ResourceFacts): boolean {
  if (meaning === 'authoredby') return resource.authors.includes(reference)
  if (resource.reference === reference) return true
  return meaning !== 'instance' && resource.related.includes(reference)
}

/** Whether a denial means emergencies too, by name. */
const namesEmergency = ({ purposes }: Provision): boolean =>
  purposes.some(({ code }) => code === 'BTG' || code === 'ETREAT')

/** Whether a permission names every label that the data has. */
const namesLabels = ({ labels }: Provision, { sensitivity }: ResourceFacts): boolean =>
  sensitivity.length > 0 &&
  sensitivity.every((label) =>
    labels.some(({ system, code }) => system !== CONFIDENTIALITY && code === label),
  )

const sameCode = (a: Code, b: Code): boolean => a.code === b.code && a.system === b.system

/** Denials before permissions, the stronger of each first. */
const STRENGTH: readonly Spoken[] = ['refused', 'denied', 'named', 'granted']
const OPT_IN_PURPOSES: ReadonlySet<Purpose> = new Set(['HRESCH', 'HMARKT'])
/** HL7 v3 ActReason: the purpose of which one is a kind. */
const ABOVE: Readonly<Partial<Record<Purpose, Purpose>>> = {
  ETREAT: 'TREAT',
  BTG: 'ETREAT',
  FAMRQT: 'PATRQT',
}
/** HL7 consentaction: what our actions are to a Consent. */
const CONSENT_ACTIONS: Readonly<Partial<Record<Action, readonly string[]>>> = {
  view: ['access', 'use'],
  search: ['access', 'use'],
  unmask: ['access', 'use'],
  'break-glass': ['access', 'use'],
  review: ['access', 'use'],
  create: ['collect'],
  update: ['correct', 'collect'],
  delete: ['correct'],
  export: ['access', 'disclose'],
  print: ['access', 'disclose'],
  send: ['disclose'],
  deidentify: ['access', 'use'],
}
const KNOWN_ACTIONS: ReadonlySet<string> = new Set([
  'collect',
  'access',
  'use',
  'disclose',
  'correct',
])
/** HL7 v3 ParticipationType and RoleClass: whoever receives, or treats. */
const RECIPIENTS: ReadonlySet<string> = new Set(['IRCP', 'PRCP', 'CALLBCK', 'PROV', 'AGNT'])
/** Those who sign, keep or write: not whom data is given to. */
const OTHER_ACTORS: ReadonlySet<string> = new Set(['AUT', 'CST', 'GRANTOR', 'CONSENTER', 'WIT'])
