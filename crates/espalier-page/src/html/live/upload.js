// Models that the reader brings along.

// `choose(value)` takes a value for the setting `model`. Called once.
function showUpload(host, page, choose) {
}
