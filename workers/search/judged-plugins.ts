/**
 * Plugins as people write them, for the judged queries. A line: name, title and description in English
 * and German, keywords, category, permissions.
 */
export const WRITTEN = `
invoice-export | Invoice Export | Rechnungsexport | Exports invoices as CSV and PDF for your accountant | Gibt Rechnungen als CSV und PDF für die Steuerberatung aus | csv, pdf | finance | customers.view
invoice-reminder | Payment Reminders | Zahlungserinnerungen | Reminds customers of unpaid invoices, in three steps | Erinnert an offene Rechnungen, in drei Mahnstufen | mahnung, dunning | finance | customers.view
e-invoice | E-Invoice XRechnung | E-Rechnung mit XRechnung und ZUGFeRD | Writes electronic invoices that German authorities accept | Schreibt elektronische Rechnungen für Behörden und Unternehmen | xrechnung, zugferd | finance | customers.view
quote-builder | Quote Builder | Angebotsersteller | Builds quotes from your price list and sends them | Erstellt Angebote aus Ihrer Preisliste | offer, preisliste | finance | customers.view requests.view
credit-notes | Credit Notes | Gutschriften | Writes credit notes and cancels invoices properly | Storniert Rechnungen und schreibt Gutschriften | storno | finance | customers.view
cash-book | Cash Book | Kassenbuch | A cash book that the tax office accepts | Kassenbuch nach GoBD | gobd, cash | finance | storage
vat-check | VAT Number Check | USt-IdNr.-Prüfung | Checks VAT numbers of customers with the EU service | Prüft Umsatzsteuer-Identnummern bei der EU | vies | finance | customers.view
tax-calculator | VAT Calculator | Mehrwertsteuerrechner | Adds and removes VAT, nothing leaves the page | Rechnet brutto und netto um | brutto, netto | finance | 
sepa-debit | SEPA Direct Debit | SEPA-Lastschrift | Collects payments with SEPA mandates | Zieht Zahlungen per Lastschriftmandat ein | mandate | finance | customers.view
expense-tracker | Expense Tracker | Spesenabrechnung | Photographs receipts and adds up expenses | Belege fotografieren und Spesen abrechnen | belege, receipts | finance | storage
payroll-export | Payroll Export | Lohnexport | Hands working hours to payroll | Übergibt Arbeitszeiten an die Lohnbuchhaltung | gehalt | finance | storage
price-list | Price Lists | Preislisten | Keeps price lists with discounts for each customer | Preislisten mit Rabatten je Kunde | rabatt | finance | customers.view
vouchers | Gift Vouchers | Gutscheine | Sells and redeems gift vouchers with a code | Verkauft Geschenkgutscheine und löst sie ein | geschenk | marketing | customers.view
loyalty-points | Loyalty Points | Treuepunkte | Collects points for every visit | Sammelt Punkte für jeden Besuch | bonus | marketing | customers.view
subscriptions | Recurring Subscriptions | Abonnements | Bills subscriptions every month | Rechnet Abos jeden Monat ab | abo | finance | customers.view
google-calendar-sync | Google Calendar Sync | Google-Kalender-Abgleich | Two-way sync of appointments with Google Calendar | Gleicht Termine mit Google Kalender in beide Richtungen ab | google, ical | appointments | appointments.view appointments.edit
outlook-calendar-sync | Outlook Calendar Sync | Outlook-Kalenderabgleich | Keeps appointments and Microsoft Outlook the same | Hält Termine und Microsoft Outlook gleich | microsoft, exchange | appointments | appointments.view appointments.edit
caldav | CalDAV Server | CalDAV-Server | Shows your appointments in any calendar app | Zeigt Ihre Termine in jeder Kalender-App | ical, apple | appointments | appointments.view
ical-feed | iCal Feed | iCal-Feed | A private link with your appointments to subscribe to | Ein privater Link mit Ihren Terminen | ics | appointments | appointments.view
online-booking | Online Booking | Online-Terminbuchung | Customers book appointments on your website | Kunden buchen Termine auf Ihrer Webseite | buchungskalender | appointments | appointments.view appointments.create customers.create
sms-reminder | SMS Reminders | SMS-Erinnerungen | Reminds customers of appointments by text message | Erinnert Kunden per SMS an Termine | text, nachricht | communication | appointments.view customers.view
email-reminder | Email Reminders | E-Mail-Erinnerungen | Reminds of appointments by e-mail a day before | Erinnert einen Tag vorher per E-Mail an Termine | mail | communication | appointments.view customers.view
waitlist | Waitlist | Warteliste | Fills cancelled appointments from a waiting list | Füllt abgesagte Termine aus einer Warteliste | nachrücker | appointments | appointments.view
no-show-fees | No-Show Fees | Ausfallgebühren | Charges for appointments that nobody came to | Berechnet nicht wahrgenommene Termine | ausfall | appointments | appointments.view customers.view
recurring-appointments | Recurring Appointments | Wiederkehrende Termine | Repeats appointments weekly or monthly | Wiederholt Termine wöchentlich oder monatlich | serie | appointments | appointments.create
holiday-calendar | Public Holidays | Feiertagskalender | Marks public holidays of every state | Trägt Feiertage aller Bundesländer ein | feiertage | appointments | appointments.view
school-holidays | School Holidays | Schulferien | School holidays in the calendar | Ferien aller Bundesländer im Kalender | ferien | appointments | 
route-planner | Route Planner | Routenplaner | Plans the shortest drive between today's appointments | Plant den kürzesten Weg zwischen den Terminen des Tages | fahrt, karte | appointments | appointments.view customers.view
mileage-log | Mileage Log | Fahrtenbuch | A driver's logbook for the tax office | Fahrtenbuch für das Finanzamt | kilometer | finance | storage
resource-planner | Rooms and Equipment | Räume und Geräte | Books rooms and devices with appointments | Bucht Räume und Geräte mit Terminen | ressourcen | appointments | appointments.view
shift-planner | Shift Planner | Dienstplan | Plans shifts of your team | Plant Schichten Ihres Teams | schichtplan | team | 
time-tracking | Time Tracking | Zeiterfassung | Clocks working hours in and out | Erfasst Arbeitszeiten mit Stempeluhr | stempeluhr | team | storage
vacation-planner | Vacation Planner | Urlaubsplaner | Requests and approves vacation days | Urlaub beantragen und genehmigen | abwesenheit | team | storage
staff-directory | Staff Directory | Mitarbeiterverzeichnis | Names, roles and phone numbers of your team | Namen, Rollen und Telefonnummern im Team | personal | team | storage
task-board | Task Board | Aufgabentafel | A Kanban board for tasks | Kanban-Tafel für Aufgaben | kanban, todo | team | storage
checklists | Checklists | Checklisten | Reusable checklists for every job | Wiederverwendbare Checklisten für jeden Auftrag | liste | team | storage
project-planner | Project Planner | Projektplaner | Gantt charts for projects with milestones | Gantt-Diagramme für Projekte | gantt, meilenstein | team | storage
team-chat | Team Chat | Team-Chat | Messages between colleagues | Nachrichten zwischen Kollegen | messenger | team | notifications.send
customer-map | Customer Map | Kundenkarte | Shows customers on a map | Zeigt Kunden auf einer Landkarte | geo | customers | customers.view
customer-import | Customer Import | Kundenimport | Imports customers from CSV and Excel | Liest Kunden aus CSV und Excel ein | csv, excel | customers | customers.create
customer-export | Customer Export | Kundenexport | Exports customers to Excel | Gibt Kunden nach Excel aus | xlsx | customers | customers.view
duplicate-finder | Duplicate Finder | Dublettenfinder | Finds customers that exist twice and merges them | Findet doppelte Kunden und führt sie zusammen | doppelt | customers | customers.view customers.edit customers.delete
birthday-greetings | Birthday Greetings | Geburtstagsgrüße | Congratulates customers on their birthday | Gratuliert Kunden zum Geburtstag | glückwunsch | customers | customers.view
customer-notes | Quick Notes | Schnellnotizen | Notes on customers with one click | Notizen zu Kunden mit einem Klick | memo | customers | customers.edit
customer-portal | Customer Portal | Kundenportal | Customers see their appointments and documents | Kunden sehen ihre Termine und Dokumente | login | customers | customers.view appointments.view
customer-segments | Customer Segments | Kundensegmente | Groups customers by what they bought | Teilt Kunden in Gruppen ein | zielgruppe | customers | customers.view
address-check | Address Check | Adressprüfung | Corrects postal addresses while you type | Prüft und berichtigt Anschriften beim Tippen | plz | customers | customers.view
phone-lookup | Caller Lookup | Anruferkennung | Shows who is calling before you pick up | Zeigt, wer anruft, bevor Sie abheben | telefon, cti | communication | customers.view
gdpr-toolkit | GDPR Toolkit | DSGVO-Werkzeuge | Answers requests for access and deletes personal data in time | Beantwortet Auskunftsersuchen und löscht personenbezogene Daten fristgerecht | datenschutz, privacy | security | customers.view customers.delete
consent-manager | Consent Manager | Einwilligungsverwaltung | Records consent of customers and its withdrawal | Hält Einwilligungen und Widerrufe fest | datenschutz | security | customers.view
audit-log | Audit Log | Änderungsprotokoll | Who changed what and when | Wer wann was geändert hat | protokoll | security | storage
backup | Cloud Backup | Datensicherung | Backs everything up every night, encrypted | Sichert jede Nacht alles, verschlüsselt | sicherung, s3 | security | customers.view appointments.view requests.view
two-factor | Two-Factor Login | Zwei-Faktor-Anmeldung | A second factor when signing in | Zweiter Faktor bei der Anmeldung | totp, 2fa | security | 
password-vault | Password Vault | Passworttresor | Shares passwords in the team, encrypted | Teilt Passwörter im Team, verschlüsselt | kennwort | security | storage
key-register | Key Register | Schlüsselverwaltung | Who has which key of which building | Wer welchen Schlüssel zu welchem Gebäude hat | schlüsselbuch | utilities | customers.view
contact-form | Contact Form | Kontaktformular | A form for your website that becomes a request | Ein Formular für Ihre Webseite, das zur Anfrage wird | formular | requests | requests.create
form-builder | Form Builder | Formulareditor | Builds forms by drag and drop | Baut Formulare mit der Maus | fragebogen | requests | requests.create
request-router | Request Router | Anfragenverteiler | Assigns incoming requests to the right person | Weist Anfragen der richtigen Person zu | zuweisung | requests | requests.view requests.assign
lead-scoring | Lead Scoring | Lead-Bewertung | Scores requests by how likely they are to buy | Bewertet Anfragen nach Kaufwahrscheinlichkeit | verkauf | requests | requests.view
spam-filter | Spam Filter | Spamfilter | Keeps junk out of incoming requests | Hält Müll aus den Anfragen fern | junk | requests | requests.view requests.delete
auto-reply | Automatic Replies | Automatische Antworten | Answers requests at once with a template | Beantwortet Anfragen sofort mit einer Vorlage | antwort, vorlage | requests | requests.view
ticket-system | Helpdesk Tickets | Ticketsystem | Turns requests into tickets with deadlines | Macht aus Anfragen Tickets mit Fristen | support | requests | requests.view requests.edit
live-chat | Live Chat | Live-Chat | Chat with visitors of your website | Chat mit Besuchern Ihrer Webseite | messenger | communication | requests.create
whatsapp | WhatsApp Messages | WhatsApp-Nachrichten | Writes to customers on WhatsApp | Schreibt Kunden über WhatsApp | messenger | communication | customers.view
newsletter | Newsletter | Newsletter | Sends newsletters and counts who read them | Versendet Rundbriefe und zählt Leser | mailing | marketing | customers.view
campaign-manager | Campaign Manager | Kampagnenmanager | Plans campaigns over several channels | Plant Werbung über mehrere Kanäle | werbung | marketing | customers.view
review-collector | Review Collector | Bewertungssammler | Asks happy customers for a review | Bittet zufriedene Kunden um eine Bewertung | rezension | marketing | customers.view appointments.view
surveys | Customer Surveys | Kundenumfragen | Asks customers how they liked it | Fragt Kunden, wie es war | umfrage, nps | marketing | customers.view
social-media | Social Media Planner | Social-Media-Planer | Schedules posts on Instagram and Facebook | Plant Beiträge auf Instagram und Facebook | instagram, facebook | marketing | 
qr-codes | QR Codes | QR-Codes | Makes QR codes for links, business cards and WLAN | Erzeugt QR-Codes für Links, Visitenkarten und WLAN | code | utilities | 
label-printer | Label Printer | Etikettendruck | Prints address labels | Druckt Adressetiketten | etikett | documents | customers.view
letter-templates | Letter Templates | Briefvorlagen | Letters with placeholders as PDF | Briefe mit Platzhaltern als PDF | vorlage, serienbrief | documents | customers.view
contract-manager | Contract Manager | Vertragsverwaltung | Keeps contracts and warns before they renew | Verwaltet Verträge und warnt vor der Verlängerung | kündigung | documents | customers.view
e-signature | E-Signature | Elektronische Unterschrift | Has documents signed on a tablet or by link | Lässt Dokumente am Tablet oder per Link unterschreiben | signatur | documents | customers.view
document-archive | Document Archive | Dokumentenarchiv | Archives documents so that nobody can change them | Archiviert Dokumente revisionssicher | ablage, dms | documents | storage
document-scanner | Document Scanner | Dokumentenscanner | Reads text from scanned paper | Erkennt Text in gescanntem Papier | ocr | documents | storage
pdf-tools | PDF Tools | PDF-Werkzeuge | Merges, splits and signs PDF files | Verbindet und teilt PDF-Dateien | pdf | documents | 
photo-gallery | Photo Gallery | Fotogalerie | Photos of every job, before and after | Bilder zu jedem Auftrag, vorher und nachher | bilder | documents | storage
sales-dashboard | Sales Dashboard | Umsatzübersicht | Revenue by month at a glance | Umsätze nach Monat auf einen Blick | umsatz | reporting | customers.view
appointment-statistics | Appointment Statistics | Terminstatistik | How many appointments, cancelled and kept | Wie viele Termine stattfanden und ausfielen | auswertung | reporting | appointments.view
custom-reports | Custom Reports | Eigene Berichte | Builds reports of anything and sends them weekly | Erstellt Berichte aus allem und verschickt sie wöchentlich | report | reporting | customers.view appointments.view requests.view
chart-widgets | Chart Widgets | Diagramme | Bar and pie charts for the start page | Balken und Torten für die Startseite | grafik | reporting | 
stock-manager | Stock Manager | Lagerverwaltung | Counts stock and orders in time | Zählt Bestände und bestellt rechtzeitig nach | inventar | utilities | storage
barcode-scanner | Barcode Scanner | Barcode-Scanner | Scans barcodes with the phone's camera | Liest Strichcodes mit der Handykamera | strichcode | utilities | 
purchase-orders | Purchase Orders | Bestellungen | Orders from suppliers and checks deliveries | Bestellt bei Lieferanten und prüft Lieferungen | einkauf | finance | storage
parcel-tracking | Parcel Tracking | Sendungsverfolgung | Where is the parcel: DHL, DPD, UPS | Wo ist das Paket: DHL, DPD, UPS | dhl, versand | utilities | 
asset-register | Asset Register | Geräteverwaltung | Devices, serial numbers and when they need maintenance | Geräte, Seriennummern und Wartungstermine | wartung | utilities | storage
vehicle-fleet | Fleet Manager | Fuhrparkverwaltung | Vehicles, inspections and fuel | Fahrzeuge, Hauptuntersuchung und Tanken | fahrzeug, tüv | utilities | storage
weather | Weather Forecast | Wettervorhersage | The weather at the place of the next appointment | Das Wetter am Ort des nächsten Termins | regen | utilities | appointments.view
currency-converter | Currency Converter | Währungsrechner | Converts prices with rates of the European Central Bank | Rechnet Preise mit Kursen der EZB um | euro, dollar | utilities | 
translator | Translator | Übersetzer | Translates messages to customers into 30 languages | Übersetzt Nachrichten an Kunden in 30 Sprachen | deepl | communication | customers.view
dark-mode | Dark Mode | Dunkles Design | A dark theme for the evening | Ein dunkles Farbschema für den Abend | theme | utilities | 
ai-assistant | AI Assistant | KI-Assistent | Drafts answers to requests | Entwirft Antworten auf Anfragen | gpt | automation | requests.view
workflow-builder | Workflow Builder | Automatisierungen | If this happens, do that | Wenn dies geschieht, tue das | regeln, workflow | automation | customers.edit appointments.edit requests.edit
webhook-sender | Webhooks | Webhooks | Calls your URL when something changes | Ruft Ihre Adresse auf, wenn sich etwas ändert | http | integrations | customers.view
zapier-connector | Zapier Connector | Zapier-Anbindung | Connects with thousands of apps through Zapier | Verbindet mit Tausenden Apps über Zapier | automation | integrations | customers.view requests.create
rest-api | REST API | REST-Schnittstelle | A REST API for your own programs | Eine REST-Schnittstelle für eigene Programme | json | integrations | customers.view
data-cleaner | Data Cleaner | Datenbereinigung | Finds incomplete and outdated records | Findet unvollständige und veraltete Datensätze | qualität | utilities | customers.view customers.edit
emergency-sheet | Emergency Sheet | Notfallblatt | The most important numbers on one page to print | Die wichtigsten Nummern zum Ausdrucken | notruf | utilities | 
visitor-log | Visitor Log | Besucherliste | Who came, when and to whom | Wer kam wann zu wem | empfang | utilities | storage
meter-readings | Meter Readings | Zählerstände | Reads meters for power, gas and water | Erfasst Zählerstände für Strom, Gas und Wasser | ablesung | utilities | storage
rental-manager | Rental Manager | Vermietung | Rents out devices and charges deposits | Vermietet Geräte und verrechnet Kaution | miete | finance | storage
tenant-manager | Tenant Manager | Mieterverwaltung | Flats, tenants and utility bills | Wohnungen, Mieter und Nebenkostenabrechnung | immobilien | customers | customers.view
course-manager | Course Manager | Kursverwaltung | Courses with participants and certificates | Kurse mit Teilnehmern und Zertifikaten | schulung | appointments | customers.view appointments.create
membership-manager | Membership Manager | Mitgliederverwaltung | Members of your club and their fees | Mitglieder Ihres Vereins und ihre Beiträge | verein | customers | customers.view customers.edit
table-reservation | Table Reservations | Tischreservierung | Guests reserve a table online | Gäste reservieren online einen Tisch | restaurant | appointments | appointments.create
hotel-rooms | Room Booking | Zimmerbuchung | Books hotel rooms without double bookings | Bucht Hotelzimmer ohne Doppelbelegung | hotel | appointments | appointments.create
repair-tracker | Repair Tracker | Reparaturverfolgung | Customers see how far their repair is | Kunden sehen, wie weit die Reparatur ist | werkstatt | requests | requests.view customers.view
site-diary | Construction Diary | Bautagebuch | Daily reports from the construction site | Tagesberichte von der Baustelle | baustelle | documents | storage
cleaning-plan | Cleaning Plan | Reinigungsplan | Which room is cleaned when and by whom | Welcher Raum wann von wem gereinigt wird | putzplan | team | storage
patient-forms | Patient Forms | Anamnesebogen | Patients fill in forms before they come | Patienten füllen Bögen vor dem Besuch aus | praxis, arzt | documents | customers.view
video-calls | Video Calls | Videosprechstunde | Video calls from an appointment | Videogespräche direkt aus dem Termin | meeting | communication | appointments.view
callback-requests | Callback Requests | Rückrufbitten | Visitors ask to be called back | Besucher bitten um Rückruf | telefon | requests | requests.create
fax-gateway | Fax Gateway | Faxversand | Sends and receives fax | Sendet und empfängt Fax | telefax | communication | 
voice-memos | Voice Memos | Sprachnotizen | Dictate notes and have them typed | Diktiert Notizen und schreibt sie ab | diktat | documents | storage
pet-records | Pet Records | Tierakte | Vaccinations and weight of animals | Impfungen und Gewicht von Tieren | tierarzt | customers | customers.view
anniversary | Anniversary Reminders | Jubiläumserinnerung | Tells when a customer has been with you for years | Sagt Bescheid, wenn ein Kunde Jubiläum hat | treue | customers | customers.view
`;

/** Services that plugins connect with, and what each is for. */
export const SERVICES = `
DATEV | accounting | Buchhaltung
Lexoffice | accounting | Buchhaltung
sevDesk | accounting | Buchhaltung
Xero | accounting | Buchhaltung
QuickBooks | accounting | Buchhaltung
Stripe | card payments | Kartenzahlung
PayPal | online payments | Onlinezahlung
Klarna | online payments | Onlinezahlung
SumUp | card readers | Kartenleser
Mollie | online payments | Onlinezahlung
Slack | team messages | Teamnachrichten
Mattermost | team messages | Teamnachrichten
Discord | team messages | Teamnachrichten
Telegram | messenger | Messenger
Signal | messenger | Messenger
Mailchimp | mailing lists | Verteiler
Brevo | mailing lists | Verteiler
CleverReach | mailing lists | Verteiler
HubSpot | sales pipeline | Vertrieb
Salesforce | sales pipeline | Vertrieb
Pipedrive | sales pipeline | Vertrieb
Shopify | web shop | Onlineshop
WooCommerce | web shop | Onlineshop
Shopware | web shop | Onlineshop
Etsy | web shop | Onlineshop
WordPress | website | Webseite
Typo3 | website | Webseite
Dropbox | cloud folders | Cloudordner
Nextcloud | cloud folders | Cloudordner
OneDrive | cloud folders | Cloudordner
Trello | boards | Tafeln
Asana | boards | Tafeln
Jira | issues | Vorgänge
GitHub | issues | Vorgänge
Zoom | meetings | Besprechungen
Jitsi | meetings | Besprechungen
Twilio | telephony | Telefonie
Sipgate | telephony | Telefonie
Placetel | telephony | Telefonie
Personio | human resources | Personalwesen
`;

/** Trades that plugins are made for, English and German. */
export const TRADES = `
hairdresser | Friseur
florist | Florist
bakery | Bäckerei
dentist | Zahnarzt
lawyer | Anwalt
plumber | Klempner
electrician | Elektriker
painter | Maler
gardener | Gärtner
carpenter | Tischler
driving school | Fahrschule
music school | Musikschule
gym | Fitnessstudio
yoga studio | Yogastudio
photographer | Fotograf
optician | Optiker
pharmacy | Apotheke
butcher | Metzgerei
winery | Weingut
campsite | Campingplatz
locksmith | Schlüsseldienst
chimney sweep | Schornsteinfeger
tattoo studio | Tattoostudio
nail studio | Nagelstudio
dog school | Hundeschule
riding school | Reiterhof
bicycle shop | Fahrradladen
tailor | Schneiderei
translation office | Übersetzungsbüro
event agency | Eventagentur
`;
