//! The diagnostics view: what a look did, and what became of a frame to be kept.

use super::model::sync_rows;
use super::preview::map_advice;
use super::shell_adapter::small;
use crate::app::viewfinder::{Ask, Diagnosis, Mark, MarkKind, SaveState};
use crossroads_ui::{
    App, CameraAdapter, DiagnosticsAdapter, EvidenceData, MarkData, MarkKind as MarkLook, SaveKind,
    StageData,
};
use slint::{ComponentHandle, Image};
use std::rc::Rc;

/// What is pressed on the viewfinder and in the view goes to `ask`, which must not block.
pub fn connect(app: &App, ask: impl Fn(Ask) + 'static) {
    let ask = Rc::new(ask);
    let view = app.global::<DiagnosticsAdapter>();
    let (switch, diagnose, hold, save) = (ask.clone(), ask.clone(), ask.clone(), ask);
    app.global::<CameraAdapter>().on_switch_torch(move |is_on| switch(Ask::Torch(is_on)));
    view.on_diagnose(move |is_open| diagnose(Ask::Diagnose(is_open)));
    view.on_hold(move |is_held| hold(Ask::Hold(is_held)));
    view.on_save_frame(move || save(Ask::Save));
}

pub fn show(app: &App, diagnosis: &Diagnosis, picture: Image) {
    let view = app.global::<DiagnosticsAdapter>();
    view.set_picture(picture);
    if let Some(model) =
        sync_rows(&view.get_marks(), diagnosis.marks.iter().map(map_mark).collect())
    {
        view.set_marks(model);
    }
    let evidence = diagnosis.evidence.iter().map(|row| EvidenceData {
        symbology: row.symbology.as_str().into(),
        text: row.text.as_str().into(),
        strategy: row.strategy.as_str().into(),
        votes: small(row.votes),
        demanded: small(row.demanded),
        frames: small(row.frames),
        known: row.is_known.map_or(-1, i32::from),
    });
    if let Some(model) = sync_rows(&view.get_evidence(), evidence.collect()) {
        view.set_evidence(model);
    }
    let stages = diagnosis.stages.iter().map(|row| StageData {
        stage: row.stage.as_str().into(),
        time: row.time.as_str().into(),
        percent: small(row.percent),
    });
    if let Some(model) = sync_rows(&view.get_stages(), stages.collect()) {
        view.set_stages(model);
    }
    let measured = |value: Option<u32>| value.map_or(-1, small);
    view.set_is_earlier(diagnosis.is_earlier);
    view.set_bars(small(diagnosis.bars));
    view.set_degrees(measured(diagnosis.degrees));
    view.set_patches(small(diagnosis.patches));
    view.set_brightness(measured(diagnosis.brightness));
    view.set_sharpness(measured(diagnosis.sharpness));
    view.set_hint(map_advice(diagnosis.hint));
    view.set_time(diagnosis.time.as_str().into());
    view.set_camera(diagnosis.camera.as_str().into());
    view.set_format(diagnosis.format.as_str().into());
    view.set_frames_per_second(measured(diagnosis.frames_per_second));
    view.set_looks_per_second(measured(diagnosis.looks_per_second));
    view.set_dropped_percent(measured(diagnosis.dropped_percent));
}

pub fn show_save(app: &App, save: &SaveState) {
    let (kind, detail) = match save {
        SaveState::None => (SaveKind::None, ""),
        SaveState::Saving => (SaveKind::Saving, ""),
        SaveState::Saved(file) => (SaveKind::Saved, file.as_str()),
        SaveState::DiskFull(folder) => (SaveKind::DiskFull, folder.as_str()),
        SaveState::Forbidden(folder) => (SaveKind::Forbidden, folder.as_str()),
        SaveState::Crowded(folder) => (SaveKind::Crowded, folder.as_str()),
        SaveState::Failed(words) => (SaveKind::Failed, words.as_str()),
    };
    let view = app.global::<DiagnosticsAdapter>();
    view.set_save(kind);
    view.set_save_detail(detail.into());
}

fn map_mark(mark: &Mark) -> MarkData {
    let [a, b, c, d] = mark.corners;
    MarkData {
        kind: match mark.kind {
            MarkKind::Bars => MarkLook::Bars,
            MarkKind::Patch => MarkLook::Patch,
            MarkKind::Read => MarkLook::Read,
        },
        ax: a.0,
        ay: a.1,
        bx: b.0,
        by: b.1,
        cx: c.0,
        cy: c.1,
        dx: d.0,
        dy: d.1,
    }
}
