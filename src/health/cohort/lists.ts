/**
 * What invented people are made of: names, places, and what clinicians write down about them.
 *
 * Codes are SNOMED CT and LOINC, units UCUM; ranges are those of ordinary adults. Places are real
 * towns, streets and hospitals are not.
 *
 * @module
 */

/** A SNOMED CT or LOINC concept. */
export interface Concept {
  readonly code: string
  readonly display: string
}

const concept = (code: string, display: string): Concept => ({ code, display })

export const FEMALE_NAMES = (
  'Amelia Aisha Beatrice Catrin Chloe Eilidh Eleanor Farida Freya Grace Hannah Imogen Isla Jasmine ' +
  'Katarzyna Khadija Lowri Maeve Margaret Niamh Olivia Priya Rhiannon Rosemary Sunita Victoria'
).split(' ')

export const MALE_NAMES = (
  'Adeyemi Alistair Arjun Benjamin Callum Dafydd Edmund Finlay Gareth Hamish Harvinder Ibrahim ' +
  'Jerome Kwame Leon Mateusz Muhammad Nathaniel Owain Patrick Rajesh Rhys Samuel Theodore Wilfred'
).split(' ')

export const FAMILY_NAMES = (
  'Abernathy Adeleke Ahmed Ashworth Banerjee Blackwood Braithwaite Campbell Chaudhry Cholmondeley ' +
  'Davies Eccleston Fairweather Griffiths Hargreaves Holloway Hussain Iqbal Kowalska Llewellyn ' +
  'MacDonald Mensah Montgomery Nkemelu O’Sullivan Okonkwo Patel Pemberton Ravenscroft Singh ' +
  'Thistlewood Vaughan Wainwright Whittaker Zielińska'
).split(' ')

export const STREETS = [
  'Alder Rise',
  'Brunel Mews',
  'Chantry Gardens',
  'Fellmonger Row',
  'Kingfisher Close',
  'Lantern Street',
  'Orchard Terrace',
  'Ropewalk Lane',
  'Saffron Court',
  'Willow Bank',
] as const

/** Towns with their county and an outward postcode. */
export const TOWNS = [
  { city: 'Bristol', district: 'City of Bristol', outward: 'BS8' },
  { city: 'Bath', district: 'Somerset', outward: 'BA2' },
  { city: 'Cambridge', district: 'Cambridgeshire', outward: 'CB4' },
  { city: 'Ely', district: 'Cambridgeshire', outward: 'CB7' },
  { city: 'Ipswich', district: 'Suffolk', outward: 'IP3' },
  { city: 'Weston-super-Mare', district: 'Somerset', outward: 'BS23' },
] as const

export const HOSPITALS = ['Severnside General Hospital', 'Fenland University Hospital'] as const
export const PRACTICES = [
  'Harbourside Surgery',
  'Lantern Street Medical Centre',
  'Orchard Terrace Practice',
] as const

export const CONDITIONS: readonly Concept[] = [
  concept('59621000', 'Essential hypertension'),
  concept('44054006', 'Diabetes mellitus type 2'),
  concept('195967001', 'Asthma'),
  concept('13645005', 'Chronic obstructive lung disease'),
  concept('55822004', 'Hyperlipidaemia'),
  concept('35489007', 'Depressive disorder'),
  concept('396275006', 'Osteoarthritis'),
  concept('40930008', 'Hypothyroidism'),
  concept('49436004', 'Atrial fibrillation'),
  concept('709044004', 'Chronic kidney disease'),
  concept('37796009', 'Migraine'),
  concept('87522002', 'Iron deficiency anaemia'),
]

export const ALLERGIES: readonly Concept[] = [
  concept('91936005', 'Allergy to penicillin'),
  concept('91935009', 'Allergy to peanut'),
  concept('300916003', 'Latex allergy'),
]

/** Substances, each with how it is usually taken. */
export const MEDICINES: readonly (Concept & { readonly dose: string })[] = [
  { ...concept('386864001', 'Amlodipine'), dose: '5 mg by mouth once daily' },
  { ...concept('372567009', 'Metformin'), dose: '500 mg by mouth twice daily with meals' },
  { ...concept('373444002', 'Atorvastatin'), dose: '20 mg by mouth at night' },
  { ...concept('372897005', 'Salbutamol'), dose: '100 micrograms inhaled when needed' },
  { ...concept('386872004', 'Ramipril'), dose: '2.5 mg by mouth once daily' },
  { ...concept('710809001', 'Levothyroxine'), dose: '75 micrograms by mouth before breakfast' },
  { ...concept('372594008', 'Sertraline'), dose: '50 mg by mouth once daily' },
]

/** A kind of encounter: class of HL7 v3 ActCode, and its SNOMED CT type. */
export interface EncounterKind extends Concept {
  readonly class: 'AMB' | 'EMER' | 'IMP'
  readonly hours: number
}

export const ENCOUNTERS: readonly EncounterKind[] = [
  { class: 'AMB', hours: 1, ...concept('185349003', 'Encounter for check up') },
  { class: 'AMB', hours: 1, ...concept('11429006', 'Consultation') },
  { class: 'EMER', hours: 5, ...concept('50849002', 'Emergency room admission') },
  { class: 'IMP', hours: 74, ...concept('32485007', 'Hospital admission') },
]

/** One measured quantity: from `low` to `high`, written with so many decimals. */
export interface Measure extends Concept {
  readonly category: 'vital-signs' | 'laboratory'
  readonly low: number
  readonly high: number
  readonly decimals: number
  /** UCUM. */
  readonly unit: string
}

const vital = (
  code: string,
  display: string,
  range: Omit<Measure, keyof Concept | 'category'>,
): Measure => ({ code, display, category: 'vital-signs', ...range })
const laboratory = (
  code: string,
  display: string,
  range: Omit<Measure, keyof Concept | 'category'>,
): Measure => ({ code, display, category: 'laboratory', ...range })

export const MEASURES: readonly Measure[] = [
  vital('29463-7', 'Body weight', { low: 48, high: 118, decimals: 1, unit: 'kg' }),
  vital('8302-2', 'Body height', { low: 150, high: 196, decimals: 1, unit: 'cm' }),
  vital('8867-4', 'Heart rate', { low: 52, high: 104, decimals: 0, unit: '/min' }),
  vital('8310-5', 'Body temperature', { low: 36, high: 38.4, decimals: 2, unit: 'Cel' }),
  vital('2708-6', 'Oxygen saturation in Arterial blood', {
    low: 91,
    high: 100,
    decimals: 0,
    unit: '%',
  }),
  laboratory('718-7', 'Hemoglobin [Mass/volume] in Blood', {
    low: 9.5,
    high: 17.5,
    decimals: 1,
    unit: 'g/dL',
  }),
  laboratory('2823-3', 'Potassium [Moles/volume] in Serum or Plasma', {
    low: 3.2,
    high: 5.6,
    decimals: 2,
    unit: 'mmol/L',
  }),
  laboratory('2160-0', 'Creatinine [Mass/volume] in Serum or Plasma', {
    low: 0.5,
    high: 1.9,
    decimals: 2,
    unit: 'mg/dL',
  }),
  laboratory('4548-4', 'Hemoglobin A1c/Hemoglobin.total in Blood', {
    low: 4.6,
    high: 9.8,
    decimals: 1,
    unit: '%',
  }),
]

export const SYSTOLIC = vital('8480-6', 'Systolic blood pressure', {
  low: 98,
  high: 172,
  decimals: 0,
  unit: 'mm[Hg]',
})
export const DIASTOLIC = vital('8462-4', 'Diastolic blood pressure', {
  low: 56,
  high: 98,
  decimals: 0,
  unit: 'mm[Hg]',
})
