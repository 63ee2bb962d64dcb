//! Hand scanners as they misbehave: plugged, unplugged in the middle of a number, garbled, slow.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::clock::MonotonicClock;
use domain::code::{Meaning, Symbology};
use proptest::prelude::*;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A text of one line, as this configuration reads it.
fn read_all(setting: &HandSetting, bursts: &[(u64, &[u8])]) -> Vec<Told> {
    let mut assembler = Assembler::new(setting.ending, setting.idle_ms(), 0);
    let mut told = Vec::new();
    // The line was silent since it was opened.
    let mut now_ms = 10_000;
    told.extend(assembler.tick(now_ms));
    for (pause_ms, bytes) in bursts {
        // The thread looks at the clock all the while.
        for _ in 0..pause_ms / 10 {
            now_ms += 10;
            told.extend(assembler.tick(now_ms));
        }
        for byte in *bytes {
            told.extend(assembler.byte(*byte, now_ms));
            now_ms += 1;
        }
    }
    told.extend(assembler.tick(now_ms + 10_000));
    told
}

fn text(text: &str) -> Told {
    Told::Text(text.to_owned())
}

fn line(options: &str) -> HandSetting {
    format!("serial:/dev/ttyS9{options}").parse().unwrap()
}

/// Reading guide: options, what comes (pause before it in ms, characters), what is told.
#[test]
fn whole_texts_are_told_and_nothing_else() {
    const EAN: &str = "4006381333931";
    let garbled = || vec![Told::Garbled];
    let ean = || vec![text(EAN)];
    type Case<'a> = (&'a str, &'a [(u64, &'a [u8])], Vec<Told>);
    let cases: Vec<Case<'_>> = vec![
        ("", &[(0, b"4006381333931\r")], ean()),
        ("", &[(0, b"4006381333931\n")], ean()),
        ("", &[(0, b"4006381333931\r\n\r\n")], ean()),
        ("", &[(0, b"\x024006381333931\x03\r\n")], ean()),
        ("", &[(0, b"4006381333931\t\r")], ean()),
        ("", &[(0, b"4006381"), (100, b"333931\r")], ean()),
        (",end=crlf", &[(0, b"4006381333931\r\n")], ean()),
        (",end=crlf", &[(0, b"a\rbcd\r\n")], vec![text("a\rbcd")]),
        (",end=cr", &[(0, b"4006381333931\r\n4006381333931\r\n")], vec![text(EAN), text(EAN)]),
        (",end=lf", &[(0, b"4006381333931\n")], ean()),
        (",end=tab", &[(0, b"4006381333931\t")], ean()),
        (",end=idle", &[(0, b"4006381333931")], ean()),
        (
            ",end=idle",
            &[(0, b"4006381333931"), (70, b"95050003")],
            vec![text(EAN), text("95050003")],
        ),
        (",end=idle,idle=200", &[(0, b"4006381"), (90, b"333931")], ean()),
        // Separators are data.
        (
            "",
            &[(0, b"]d20109521234543213\x1d10A\x1d\r")],
            vec![text("]d20109521234543213\u{1d}10A\u{1d}")],
        ),
        // Half a code, and what comes right after it.
        ("", &[(0, b"40063813")], garbled()),
        ("", &[(0, b"40063"), (600, b"81333931\r")], garbled()),
        ("", &[(0, b"40063"), (2000, b"4006381333931\r")], vec![Told::Garbled, text(EAN)]),
        // Garbage spoils the whole, not the part that looks sound.
        ("", &[(0, b"\x00\x004006381333931\r")], garbled()),
        (
            "",
            &[(0, b"40063\x07\x7f81333931\r"), (50, b"4006381333931\r")],
            vec![Told::Garbled, text(EAN)],
        ),
        ("", &[(0, b"4006381\x02333931\r")], garbled()),
        ("", &[(0, b"12\r")], garbled()),
        ("", &[(0, b"\r\r\n")], vec![]),
        ("", &[(0, b"K\xc3\xa4se\r")], vec![text("Käse")]),
        ("", &[(0, b"K\xe4se\r")], vec![text("Käse")]),
    ];
    for (options, bursts, told) in cases {
        assert_eq!(read_all(&line(options), bursts), told, "{options} {bursts:?}");
    }
}

#[test]
fn what_is_too_long_is_dropped_as_a_whole() {
    let mut endless = vec![b'7'; LENGTH_MAX + 1];
    endless.push(b'\r');
    assert_eq!(read_all(&line(""), &[(0, &endless)]), [Told::Garbled]);
    let longest = &endless[1..];
    assert_eq!(read_all(&line(""), &[(0, longest)]), [text(&"7".repeat(LENGTH_MAX))]);
}

#[test]
fn the_tail_of_a_scan_under_way_is_no_scan() {
    let mut assembler = Assembler::new(Ending::Line, 500, 1000);
    let mut told: Vec<Told> = Vec::new();
    for (now_ms, byte) in (1001..).zip(*b"96385074\r4006381333931\r") {
        told.extend(assembler.byte(byte, now_ms));
    }
    assert_eq!(told, [text("4006381333931")]);
    let mut assembler = Assembler::new(Ending::Silence, 60, 1000);
    let told: Vec<Told> =
        (1001..).zip(*b"96385074").filter_map(|(now, byte)| assembler.byte(byte, now)).collect();
    assert_eq!((told, assembler.tick(2000)), (vec![], None));
}

#[test]
fn lost_keys_spoil_what_is_under_way() {
    let mut assembler = Assembler::new(Ending::Line, 500, 0);
    assembler.tick(1000);
    let mut told = Vec::new();
    for (now_ms, byte) in (1000..).zip(*b"963850") {
        told.extend(assembler.byte(byte, now_ms));
    }
    assembler.lost(1010);
    for (now_ms, byte) in (1010..).zip(*b"74\r96385074\r") {
        told.extend(assembler.byte(byte, now_ms));
    }
    assert_eq!(told, [Told::Garbled, text("96385074")]);
}

proptest! {
    /// Whatever comes, nothing is told that did not come whole between two ends.
    #[test]
    fn nothing_is_made_up(
        bursts in prop::collection::vec((0u64..1500, prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        ending in prop::sample::select(vec!["line", "cr", "lf", "crlf", "tab", "idle"]),
    ) {
        let setting = line(&format!(",end={ending}"));
        let parts: Vec<(u64, &[u8])> =
            bursts.iter().map(|(pause, bytes)| (*pause, bytes.as_slice())).collect();
        let stream: Vec<u8> = bursts.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        for told in read_all(&setting, &parts) {
            let Told::Text(text) = told else { continue };
            let bytes: Vec<u8> = match stream.windows(text.len()).any(|w| w == text.as_bytes()) {
                true => text.clone().into_bytes(),
                false => text.chars().map(|character| character as u8).collect(),
            };
            prop_assert!(stream.windows(bytes.len()).any(|window| window == bytes));
            let has_noise = text.contains(['\0', '\u{7f}', '\u{7}']);
            prop_assert!(!has_noise);
        }
    }

    /// Any text of a label, sent whole, comes through whole.
    #[test]
    fn every_text_comes_through(content in "[ -~\u{1d}]{4,80}") {
        let sent = format!("{content}\r\n");
        prop_assert_eq!(read_all(&line(""), &[(0, sent.as_bytes())]), vec![text(&content)]);
    }
}

/// The keys of a text in a layout, as a scanner presses them.
fn keys(layout: Layout, text: &str) -> Vec<Signal> {
    let key = |code, is_down| Signal::Key { code, is_down };
    let mut signals = Vec::new();
    for character in text.chars() {
        // GS is Ctrl with the key of `]`.
        let (wanted, ctrl) = if character == '\u{1d}' { (']', true) } else { (character, false) };
        let (code, shift, alt) = (0..128u16)
            .flat_map(|code| [(code, false, false), (code, true, false), (code, false, true)])
            .filter(|(code, ..)| !(55..=98).contains(code) || *code == 57 || *code == 86)
            .find(|(code, shift, alt)| {
                keymap::character(layout, *code, *shift, *alt) == Some(wanted)
            })
            .unwrap_or_else(|| panic!("{layout:?} has no {wanted}"));
        let held: Vec<u16> =
            [(shift, 42), (alt, 100), (ctrl, 29)].iter().filter(|h| h.0).map(|h| h.1).collect();
        signals.extend(held.iter().map(|code| key(*code, true)));
        signals.extend([key(code, true), key(code, false)]);
        signals.extend(held.iter().rev().map(|code| key(*code, false)));
        if keymap::is_dead(layout, wanted) {
            signals.extend([key(57, true), key(57, false)]);
        }
    }
    signals
}

#[test]
fn every_layout_types_what_labels_hold() {
    for (layout, name) in Layout::ALL {
        for sent in [
            "]E04006381333931\r",
            "]d20109521234543213\u{1d}10aBc-/:.%(x)\u{1d}21[z]\r",
            "https://id.example/01/09521234543213?17=271231&10=a_b#c\r",
            "XR2:B:101:ABCDEFGH\r",
        ] {
            let mut keyboard = Keyboard::new(layout);
            let read: String = keys(layout, sent)
                .into_iter()
                .filter_map(|signal| match signal {
                    Signal::Key { code, is_down } => keyboard.key(code, is_down),
                    _ => None,
                })
                .collect();
            assert_eq!(read, sent, "{name}");
        }
    }
}

#[test]
fn a_number_typed_with_alt_is_its_character() {
    let mut keyboard = Keyboard::new(Layout::Us);
    let mut press = |codes: &[(u16, bool)]| -> String {
        codes.iter().filter_map(|(code, is_down)| keyboard.key(*code, *is_down)).collect()
    };
    // Alt, 0, 2, 9 on the number pad: GS. Then a plain one.
    let alt = [(56, true), (82, true), (82, false), (80, true), (73, true), (56, false), (2, true)];
    assert_eq!(press(&alt), "\u{1d}1");
    assert_eq!(press(&[(56, true), (56, false)]), "");
    let absurd = [(56, true), (73, true), (73, true), (73, true), (73, true), (56, false)];
    assert_eq!(press(&absurd), "\0", "it spoils the text");
}

/// Scanners that are plugged in and out by hand.
#[derive(Clone, Default)]
struct FakeBus(Arc<Mutex<FakeState>>);

#[derive(Default)]
struct FakeState {
    devices: Vec<(Device, Option<io::ErrorKind>)>,
    ports: Vec<(PathBuf, Sender<Option<Vec<Signal>>>)>,
    opened: Vec<PathBuf>,
}

struct FakePort(Receiver<Option<Vec<Signal>>>);

impl Port for FakePort {
    fn read(&mut self, patience: Duration, signals: &mut Vec<Signal>) -> io::Result<()> {
        match self.0.recv_timeout(patience) {
            Ok(Some(come)) => {
                signals.extend(come);
                Ok(())
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Ok(()),
            Ok(None) | Err(_) => Err(io::Error::from_raw_os_error(19)),
        }
    }
}

impl Bus for FakeBus {
    fn devices(&self) -> Vec<Device> {
        self.0.lock().unwrap().devices.iter().map(|(device, _)| device.clone()).collect()
    }

    fn open(&self, device: &Device, _: &HandSetting) -> io::Result<Box<dyn Port>> {
        let mut state = self.0.lock().unwrap();
        let refusal = state.devices.iter().find(|(known, _)| known == device).and_then(|d| d.1);
        if let Some(kind) = refusal {
            return Err(kind.into());
        }
        let (sender, receiver) = channel();
        state.opened.push(device.path.clone());
        state.ports.push((device.path.clone(), sender));
        Ok(Box::new(FakePort(receiver)))
    }
}

impl FakeBus {
    fn plug(&self, name: &str, path: &str, refusal: Option<io::ErrorKind>) {
        let (kind, path) = (Kind::Keys, PathBuf::from(path));
        let device = Device { kind, path, name: name.into(), usb: None, is_keyboard: true };
        self.0.lock().unwrap().devices.push((device, refusal));
    }

    fn unplug(&self, path: &str) {
        let mut state = self.0.lock().unwrap();
        state.devices.retain(|(device, _)| device.path != Path::new(path));
        state.ports.retain(|(known, _)| known != Path::new(path));
    }

    fn send(&self, path: &str, signals: Vec<Signal>) {
        let state = self.0.lock().unwrap();
        let port = state.ports.iter().rfind(|(known, _)| known == Path::new(path)).unwrap();
        port.1.send(Some(signals)).unwrap();
    }
}

fn running(settings: &str, bus: impl Bus) -> (HandScanners, Receiver<HandEvent>) {
    let (sender, receiver) = channel();
    let clock: Arc<dyn Clock> = Arc::new(MonotonicClock::start());
    let tell = move |event| sender.send(event).unwrap_or_default();
    (HandScanners::start(settings.parse().unwrap(), bus, clock, tell).unwrap(), receiver)
}

fn next(events: &Receiver<HandEvent>) -> HandEvent {
    events.recv_timeout(Duration::from_secs(20)).unwrap()
}

fn state(event: HandEvent) -> (String, HandState) {
    match event {
        HandEvent::State { path, state, .. } => (path.display().to_string(), state),
        other => panic!("{other:?}"),
    }
}

fn silence() {
    std::thread::sleep(Duration::from_millis(700));
}

#[test]
fn scanners_come_and_go_and_keyboards_are_never_opened() {
    let bus = FakeBus::default();
    bus.plug("AT Translated Set 2 keyboard", "/dev/input/event0", None);
    bus.plug("Acme Barcode Scanner", "/dev/input/event5", None);
    bus.plug("Other Barcode Scanner", "/dev/input/event6", Some(io::ErrorKind::PermissionDenied));
    let (scanners, events) = running("auto", bus.clone());
    let mut first = [state(next(&events)), state(next(&events))];
    first.sort_by_key(|(path, _)| path.clone());
    let told =
        [("/dev/input/event5", HandState::Ready), ("/dev/input/event6", HandState::Forbidden)];
    assert_eq!(first, told.map(|(path, state)| (path.to_owned(), state)));
    silence();
    bus.send("/dev/input/event5", keys(Layout::Us, "]E04006381333931\r"));
    let HandEvent::Code { code, .. } = next(&events) else { panic!("a code") };
    assert_eq!((code.symbology, code.text.as_str()), (Symbology::Ean13, "4006381333931"));
    // Unplugged in the middle of a number: the half is gone with it, before and after.
    bus.send("/dev/input/event5", keys(Layout::Us, "96385"));
    std::thread::sleep(Duration::from_millis(50));
    bus.unplug("/dev/input/event5");
    assert_eq!(state(next(&events)), ("/dev/input/event5".into(), HandState::Gone));
    bus.plug("Acme Barcode Scanner", "/dev/input/event5", None);
    assert_eq!(state(next(&events)), ("/dev/input/event5".into(), HandState::Ready));
    bus.send("/dev/input/event5", keys(Layout::Us, "074\r"));
    silence();
    bus.send("/dev/input/event5", keys(Layout::Us, "96385074\r"));
    let HandEvent::Code { code, .. } = next(&events) else { panic!("a code") };
    assert_eq!(code.text, "96385074");
    drop(scanners);
    let opened = bus.0.lock().unwrap().opened.clone();
    assert!(opened.iter().all(|path| path == Path::new("/dev/input/event5")), "{opened:?}");
    assert!(events.try_recv().is_err(), "nothing is told after the end");
}

/// A pair of terminals: what is written to the master comes out of the line.
fn line_pair(link: &Path) -> rustix::fd::OwnedFd {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(name.to_str().unwrap(), link).unwrap();
    master
}

#[test]
fn a_serial_line_is_read_unplugged_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("usb-Acme_Scanner");
    let master = line_pair(&link);
    let nowhere = SystemBus::at(folder.path(), folder.path());
    let settings = format!("serial:{},baud=115200,end=crlf", link.display());
    let (_scanners, events) = running(&settings, nowhere);
    assert_eq!(state(next(&events)).1, HandState::Ready);
    silence();
    let write = |master: &rustix::fd::OwnedFd, bytes: &[u8]| {
        assert_eq!(rustix::io::write(master, bytes).unwrap(), bytes.len());
    };
    // A raw line: nothing is echoed, no CR becomes LF, no Ctrl-C ends anything, GS passes.
    write(&master, b"]d20109521234543213\x1d10A-1\r\n");
    let HandEvent::Code { code, .. } = next(&events) else { panic!("a code") };
    assert_eq!(code.symbology, Symbology::Gs1DataMatrix);
    let Meaning::Gs1(elements) = &code.meaning else { panic!("{code:?}") };
    assert_eq!(elements.to_brackets(), "(01)09521234543213(10)A-1");
    write(&master, b"]E0400638\x03\x001333931\r\n");
    assert_eq!(next(&events), HandEvent::Garbled { name: link.display().to_string() });
    write(&master, b"96385");
    std::thread::sleep(Duration::from_millis(50));
    drop(master);
    assert_eq!(state(next(&events)).1, HandState::Gone);
    let master = line_pair(&link);
    assert_eq!(state(next(&events)).1, HandState::Ready);
    silence();
    write(&master, b"]E495050003\r\n");
    let HandEvent::Code { code, .. } = next(&events) else { panic!("a code") };
    assert_eq!((code.symbology, code.text.as_str()), (Symbology::Ean8, "95050003"));
}

#[test]
fn what_is_no_serial_line_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no line").unwrap();
    let nowhere = SystemBus::at(folder.path(), folder.path());
    let (_scanners, events) = running(&format!("serial:{}", file.display()), nowhere);
    assert_eq!(state(next(&events)).1, HandState::Failed);
}

/// One ring for what several scanners and the camera see of one pack.
#[test]
fn the_guard_of_the_camera_is_the_guard_of_hand_scanners() {
    use crate::source::{FrameSource, Next, SourceState};
    use crate::stream::{ScanEvent, Scanner, Settings};
    struct Dark;
    impl FrameSource for Dark {
        fn next(&mut self, _: &mut crate::Frame, patience: Duration) -> Next {
            std::thread::sleep(patience);
            Next::Timeout
        }
        fn state(&self) -> SourceState {
            SourceState::None
        }
    }
    let clock: Arc<dyn Clock> = Arc::new(MonotonicClock::start());
    let (sender, events) = std::sync::mpsc::sync_channel(16);
    let scanner = Scanner::start(Box::new(Dark), Settings::default(), clock, sender).unwrap();
    // Reading guide: when, what a hand scanner sends, rings.
    for (at_ms, sent, rings) in [
        (1000, "]E04006381333931", true),
        (1100, "]E04006381333931", false),
        // The QR Code of the same pack, and the one beside it.
        (1900, "]Q1https://id.example/01/04006381333931", false),
        (2000, "]Q1https://win.example/holiday", false),
        // The trigger is meant: another pack of the same article.
        (3200, "]E04006381333931", true),
        // Alone it is meant too: the till says what it is.
        (9000, "]Q1https://win.example/holiday", true),
    ] {
        scanner.inject(crate::wedge::read(sent).unwrap(), at_ms);
        let rung = std::iter::from_fn(|| events.recv_timeout(Duration::from_millis(100)).ok())
            .any(|event| matches!(event, ScanEvent::Code { .. }));
        assert_eq!(rung, rings, "{at_ms} {sent}");
    }
}

/// Reading guide: what stands in the configuration, what is wrong with it.
#[test]
fn slips_in_the_configuration_are_told() {
    use HandSettingError as Error;
    for (line, error) in [
        ("usb", Error::Kind("usb".into())),
        ("hid:auto", Error::Kind("hid:auto".into())),
        ("evdev:", Error::Device(String::new())),
        ("evdev:name=", Error::Device("name=".into())),
        ("evdev:usb=05e0", Error::Device("usb=05e0".into())),
        ("evdev:usb=05e0:xyz", Error::Device("usb=05e0:xyz".into())),
        ("serial:ttyACM0", Error::Device("ttyACM0".into())),
        ("serial:/dev/ttyACM0,baud=9601", Error::Option("baud=9601".into())),
        ("serial:/dev/ttyACM0,end=bel", Error::Option("end=bel".into())),
        ("serial:/dev/ttyACM0,idle=1", Error::Option("idle=1".into())),
        ("evdev:auto,layout=it", Error::Option("layout=it".into())),
        ("evdev:auto,fast", Error::Option("fast".into())),
    ] {
        assert_eq!(line.parse::<HandSettings>(), Err(error), "{line}");
    }
    let all = "auto; evdev:usb=05e0:1200,layout=de ;serial:/dev/ttyACM0,end=idle,idle=80;";
    let all: HandSettings = all.parse().unwrap();
    assert_eq!(all.lines().len(), 4);
    assert_eq!((all.lines()[3].idle_ms(), all.lines()[3].ending), (80, Ending::Silence));
    assert_eq!("none".parse::<HandSettings>().unwrap().lines(), []);
}

/// A machine of files: what the kernel says of a scanner, a keyboard and a serial line.
#[test]
fn the_machine_is_listed_without_opening_anything() {
    let folder = tempfile::tempdir().unwrap();
    let (dev, sys) = (folder.path().join("dev"), folder.path().join("sys"));
    let file = |path: &str, text: &str| {
        let path = sys.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    std::fs::create_dir_all(dev.join("input")).unwrap();
    for (node, name, vendor, keys, rel) in [
        ("event3", "Symbol Bar Code Scanner", "05e0", "fffffffffffffffe", "0"),
        ("event4", "Symbol Bar Code Scanner Consumer Control", "05e0", "1000000000000 0", "0"),
        ("event5", "Barcode Keyboard With Touch Pad", "1234", "fffffffffffffffe", "3"),
        ("event6", "Plain Keyboard", "046d", "fffffffffffffffe", "0"),
    ] {
        let about = format!("class/input/{node}/device");
        file(&format!("{about}/name"), name);
        file(&format!("{about}/id/vendor"), vendor);
        file(&format!("{about}/id/product"), "1200");
        file(&format!("{about}/capabilities/key"), keys);
        file(&format!("{about}/capabilities/rel"), rel);
    }
    file("devices/usb1/1-1/idVendor", "0c2e\n");
    file("devices/usb1/1-1/idProduct", "0b61\n");
    file("devices/usb1/1-1/product", "Handheld\n");
    file("devices/usb1/1-1/1-1:1.0/x", "");
    std::fs::create_dir_all(sys.join("class/tty/ttyACM0")).unwrap();
    let interface = sys.join("devices/usb1/1-1/1-1:1.0");
    std::os::unix::fs::symlink(interface, sys.join("class/tty/ttyACM0/device")).unwrap();
    let bus = SystemBus::at(&dev, &sys);
    let found = survey(&HandSettings::default(), &bus);
    let of = |name: &str| found.iter().find(|found| found.name == name).map(|f| f.access.clone());
    assert_eq!(of("Symbol Bar Code Scanner"), Some(Access::Absent), "there is no node");
    assert_eq!(of("Handheld"), Some(Access::Absent));
    assert_eq!(of("Plain Keyboard"), Some(Access::Unnamed));
    assert_eq!(of("Barcode Keyboard With Touch Pad"), None);
    std::fs::write(dev.join("input/event3"), "").unwrap();
    let named: HandSettings =
        "evdev:usb=05e0:1200;evdev:/dev/none;evdev:name=acme".parse().unwrap();
    let found = survey(&named, &bus);
    let usable: Vec<_> = found.iter().filter(|found| found.access == Access::Usable).collect();
    assert_eq!(usable.len(), 1, "{found:?}");
    let absent = found.iter().filter(|found| found.access == Access::Absent).count();
    // The node of its second half, and the two lines that nothing fits.
    assert_eq!(absent, 3, "{found:?}");
}
