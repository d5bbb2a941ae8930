import { foldWords } from "./fold-text.ts";
import { stem } from "./stem.ts";

/**
 * Words that people use for the same thing, in German and in English, one group a line. A word may
 * stand in several groups. Plural and case need no word of their own: groups are found by stem.
 */
const GROUPS = `
rechnung invoice faktura bill
rechnungsstellung invoicing billing fakturierung
mahnung dunning zahlungserinnerung
angebot quote quotation offer estimate kostenvoranschlag
auftrag order bestellung
gutschrift voucher gutschein coupon
kalender calendar
termin appointment
terminbuchung booking buchung reservierung reservation
terminplanung scheduling planung schedule
kunde customer client
kontakt contact
adresse address anschrift
anfrage request inquiry enquiry lead
ticket support helpdesk
erinnerung reminder
benachrichtigung notification alert
nachricht message
mail email post
sms textnachricht
chat messenger whatsapp telegram
telefon phone anruf call
fax telefax
newsletter rundbrief mailing
werbung marketing kampagne campaign
bewertung review rating rezension feedback
umfrage survey fragebogen questionnaire poll
formular form
vorlage template
vertrag contract vereinbarung agreement
unterschrift signature signatur sign
dokument document datei file
ordner folder ablage
drucken print druck
export ausgabe download exportieren
import einlesen upload importieren
sicherung backup datensicherung
wiederherstellung restore recovery
abgleich sync synchronisation synchronization synchronisieren
bericht report auswertung
statistik statistics analytics analyse
übersicht dashboard cockpit overview
diagramm chart grafik graph
karte map landkarte
route tour routenplanung fahrt
fahrtenbuch logbook mileage kilometer
standort location ort
wetter weather
lager stock inventory warehouse bestand
artikel item produkt product ware
preis price pricing
rabatt discount nachlass
zahlung payment bezahlung pay
lastschrift sepa debit
kasse pos register kassenbuch
konto account bank
buchhaltung accounting bookkeeping buchführung
steuer tax mehrwertsteuer vat umsatzsteuer
steuerberater accountant datev
ausgaben expense spesen kosten cost
gehalt payroll lohn salary
mitarbeiter employee staff personal
team gruppe group
urlaub vacation holiday leave abwesenheit absence
feiertag holiday
zeiterfassung timesheet timetracking stempeluhr arbeitszeit
schicht shift dienstplan roster
aufgabe task todo
projekt project
checkliste checklist
notiz note memo
suche search finden
filter sortieren
dublette duplicate doppelte
bild image foto photo picture
galerie gallery
video film
übersetzung translation translate übersetzen
sprache language
datenschutz privacy dsgvo gdpr
einwilligung consent zustimmung
verschlüsselung encryption verschlüsseln encrypt
passwort password kennwort
anmeldung login signin
sicherheit security
protokoll log audit
rolle role berechtigung permission
geburtstag birthday
jubiläum anniversary
geschenk gift
treue loyalty bonus
abo subscription abonnement
mitglied member mitgliedschaft membership
verein club association
kurs course schulung training
schüler student
fahrzeug vehicle auto car
werkstatt garage workshop
reparatur repair
wartung maintenance
gerät device asset
schlüssel key
mietvertrag rent lease miete
immobilie property estate
handwerker craftsman
baustelle construction
reinigung cleaning
praxis clinic
patient
rezept prescription
friseur hairdresser salon barber
restaurant gastronomie
tisch table
hotel zimmer room
versand shipping lieferung delivery
paket parcel package
etikett label
strichcode barcode
automatisierung automation workflow
schnittstelle interface api connector anbindung integration
webseite website homepage
warteliste waitlist queue
wiederkehrend recurring
rückruf callback
tagebuch diary journal
archiv archive
ki ai
assistent assistant
rechner calculator kalkulation
währung currency
angestellter employee
stornierung cancellation storno absage
besuch visit
lieferant supplier vendor
einkauf purchase procurement
mahnwesen dunning
wissen knowledge wiki
`;

const groups = new Map<string, Set<string>>();
for (const line of GROUPS.trim().split("\n")) {
  const words = foldWords(line);
  for (const word of words) {
    const key = stem(word);
    const others = groups.get(key) ?? new Set();
    for (const other of words) others.add(other);
    groups.set(key, others);
  }
}

/** Other folded words for the same thing, in German and English. */
export function synonymsOf(word: string): readonly string[] {
  const key = stem(word);
  return [...(groups.get(key) ?? [])].filter((other) => stem(other) !== key);
}
