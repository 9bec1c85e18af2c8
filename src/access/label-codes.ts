/**
 * Which codes make a record sensitive.
 *
 * Sources: ICD-10 by the titles of its blocks and categories (WHO, 2019 edition; the same letters and
 * numbers in ICD-10-CM); SNOMED CT and LOINC by the names of single concepts. That a block belongs
 * under a label is *assumed* everywhere: there is no value set that all countries share (the US
 * DS4P and the Dutch and British lists differ), and a hospital is to review this page.
 *
 * Single SNOMED CT concepts, not hierarchies: there is no terminology server here. Medicines are not
 * listed, though some tell as much as a diagnosis.
 *
 * @see HL7 v3 ActCode, InformationSensitivityPolicy
 * @module
 */

import { LOINC, SNOMED } from './systems.ts'
import type { Sensitivity } from './vocabulary.ts'

/** Categories of ICD-10, from and to, both included. */
export const ICD_10_RANGES: readonly (readonly [from: string, to: string, label: Sensitivity])[] = [
  // Disorders due to psychoactive substance use; poisoning by narcotics; evidence of alcohol.
  ['F10', 'F19', 'ETH'],
  ['K70', 'K70', 'ETH'],
  ['T40', 'T40', 'ETH'],
  ['Y90', 'Y91', 'ETH'],
  // Organic, psychotic, mood, neurotic, personality, developmental, childhood; self-harm.
  ['F00', 'F09', 'PSY'],
  ['F20', 'F69', 'PSY'],
  ['F80', 'F99', 'PSY'],
  ['X60', 'X84', 'PSY'],
  // HIV disease; laboratory evidence; asymptomatic infection status.
  ['B20', 'B24', 'HIV'],
  ['R75', 'R75', 'HIV'],
  ['Z21', 'Z21', 'HIV'],
  // Infections with a predominantly sexual mode of transmission.
  ['A50', 'A64', 'STD'],
  // Maltreatment, assault, and their suspicion.
  ['T74', 'T74', 'SDV'],
  ['T76', 'T76', 'SDV'],
  ['X85', 'Y09', 'SDV'],
  // Sexual function and preference; pregnancy that ended early; contraception and reproduction.
  ['F52', 'F52', 'SEX'],
  ['F64', 'F66', 'SEX'],
  ['N97', 'N97', 'SEX'],
  ['O00', 'O08', 'SEX'],
  ['Z30', 'Z32', 'SEX'],
  ['Z70', 'Z70', 'SEX'],
  // Sickle-cell disorders.
  ['D57', 'D57', 'SCA'],
  // Huntington, cystic fibrosis, chromosomal abnormalities, genetic susceptibility.
  ['E84', 'E84', 'GDIS'],
  ['G10', 'G10', 'GDIS'],
  ['Q90', 'Q99', 'GDIS'],
  ['Z15', 'Z15', 'GDIS'],
]

/** Single concepts, by system. */
export const CONCEPTS: Readonly<Record<string, Readonly<Partial<Record<Sensitivity, string>>>>> = {
  [SNOMED]: {
    // Alcoholism, alcohol abuse and dependence, drug abuse and dependence, opioids, overdose.
    ETH: '7200002 15167005 66590003 6525002 26416006 5602001 75544000 361055000 55680006',
    // Depression, schizophrenia, bipolar, PTSD, anxiety, panic, ADHD of childhood, suicide attempt.
    PSY: '35489007 36923009 370143000 58214004 13746004 47505003 197480006 80583007 192127007 82313006',
    // HIV infection, AIDS, HIV positive.
    HIV: '86406008 62479008 165816005',
    // Gonorrhoea, syphilis, chlamydia.
    STD: '15628003 76272004 240589008',
    // Victim of intimate partner abuse, of child abuse.
    SDV: '706893006 397940009',
    // Miscarriage in the first trimester, normal pregnancy.
    SEX: '19169002 72892002',
    // Sickling disorder, haemoglobin SS disease.
    SCA: '417357006 127040003',
    // Trisomy 21, cystic fibrosis.
    GDIS: '41040004 190905008',
  },
  [LOINC]: {
    // AUDIT-C, DAST-10, ethanol in serum or plasma.
    ETH: '75626-2 82667-7 5643-2',
    // PHQ-2, PHQ-9, GAD-7, psychiatry consult note.
    PSY: '55758-7 44261-6 44249-1 70274-6 34788-0',
    // HIV 1 and 2 tests, antibodies, antigen and antibodies, RNA.
    HIV: '75622-1 7917-8 56888-1 20447-9',
    // RPR, chlamydia and gonococcus DNA.
    STD: '20507-0 21613-7 24111-7',
    // HARK.
    SDV: '76504-0',
  },
}
