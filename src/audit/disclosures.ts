/**
 * Which events an accounting of disclosures must list, and which not, each with its reason.
 *
 * A disclosure is what leaves this site; what people of the site look at is use, and stands in the
 * access report. Of disclosures those are not accounted for that serve treatment, payment or
 * operations, and those to the patient; what has no purpose counts. Authorisations, limited data
 * sets and directories are not known to the log: what it cannot tell apart counts.
 *
 * @see 45 CFR 164.528(a)(1)
 * @module
 */

import type { Act, GeneralFacts } from './access-event.ts'

/** What an event is for the accounting. */
export interface Accounting {
  /** Whether anything left the site. */
  readonly isDisclosure: boolean
  /** Whether it has to be accounted for. */
  readonly counts: boolean
  /** Why, or why not. */
  readonly reason: string
}

/** Judges one event. */
export function accountingOf({
  act,
  outcome,
  account,
}: Pick<GeneralFacts, 'act' | 'outcome' | 'account'>): Accounting {
  if (!LEAVING.includes(act)) return no('used within the site')
  if (outcome !== 'done') return no('refused: nothing left the site')
  const { purpose } = account
  const about = { isDisclosure: true }
  if (purpose.length === 0) return { ...about, counts: true, reason: 'no purpose was stated' }
  if (purpose.every((code) => CARE.includes(code))) {
    return { ...about, counts: false, reason: 'treatment, payment or operations: (a)(1)(i)' }
  }
  if (purpose.every((code) => OWN.includes(code))) {
    return { ...about, counts: false, reason: 'to the patient: (a)(1)(ii)' }
  }
  return { ...about, counts: true, reason: `for ${purpose.join(', ')}` }
}

const no = (reason: string): Accounting => ({ isDisclosure: false, counts: false, reason })

/** Acts by which something leaves the site. */
const LEAVING: readonly Act[] = ['sent', 'bulk']
const CARE: readonly string[] = ['TREAT', 'ETREAT', 'BTG', 'HPAYMT', 'HOPERAT']
const OWN: readonly string[] = ['PATRQT', 'FAMRQT']
